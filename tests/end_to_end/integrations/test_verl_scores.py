from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import numpy as np
import pytest

from assay import InvalidArgument, NotScored
from assay.integrations.coalescing import CoalescingScorer
from assay.integrations.service import Scorer, Service
from assay.integrations.settings import plain_json
from assay.integrations.verl.scores import compute_score, compute_score_async, compute_scores
from assay.results import SampleResult
from assay.rollouts import Rollout


def test_a_score_file_answers_for_one_response(service: Service):
    info = {"index": np.int64(3), "split": "train", "list": np.array([1, 2])}
    right = compute_score("gsm8k", "so A: 18", "18", info, target=service.target, reward="math")
    assert right == {"score": 1.0, "assay_scored": 1.0}
    assert compute_score("gsm8k", "A: 3", "18", target=service.target)["score"] == 0.0


def test_what_could_not_be_scored_is_what_was_chosen(service: Service):
    with pytest.raises(NotScored):
        compute_score("x", "A: 1", "{}", target=service.target)
    nan = compute_score("x", "A: 1", "{}", target=service.target, unscored="nan")
    assert (math.isnan(nan["score"]), nan["assay_scored"]) == (True, 0.0)
    assert compute_score("x", "A: 1", "{}", target=service.target, unscored=-1) == {"score": -1.0, "assay_scored": 0.0}
    with pytest.raises(InvalidArgument, match="unscored"):
        compute_score("x", "A: 1", "1", target=service.target, unscored="zero")
    with pytest.raises(InvalidArgument, match="rewrad"):
        compute_score("x", "A: 1", "1", target=service.target, rewrad="math")


def test_the_batch_manager_asks_once(service: Service):
    answers = compute_scores(["m"] * 3, ["A: 1", "A: 2", "A: 3"], ["1", "1", "3"], [None] * 3, target=service.target)
    assert [answer["score"] for answer in answers] == [1.0, 0.0, 1.0]


async def test_many_coroutines_share_calls(service: Service):
    calls: list[int] = []

    class Counting(Scorer):
        def score(self, rollouts: Sequence[Rollout]) -> list[SampleResult]:
            calls.append(len(rollouts))
            return super().score(rollouts)

    scorer = CoalescingScorer(Counting(service))
    asked = [Rollout("same", reference={"answer": str(n % 2)}, response="A: 1") for n in range(300)]
    results = await asyncio.gather(*map(scorer.score, asked))
    assert [result.value for result in results] == [float(n % 2) for n in range(300)]
    assert sorted(calls) == [44, 256]
    one = await compute_score_async("m", "A: 1", "1", None, target=service.target)
    assert one["score"] == 1.0


async def test_who_shares_a_call_shares_its_failure():
    scorer = CoalescingScorer(Scorer(Service("localhost:1", timeout=0.2)))
    told = await asyncio.gather(
        *(scorer.score(Rollout(str(n), response="x")) for n in range(3)), return_exceptions=True
    )
    assert {type(error).__name__ for error in told} <= {"Unavailable", "DeadlineExceeded"}


def test_rows_of_datasets_become_json():
    assert plain_json({1: np.float32(0.5), "n": math.inf, "a": np.array(["x"]), "o": object}) == {
        "1": 0.5,
        "n": None,
        "a": ["x"],
        "o": str(object),
    }
