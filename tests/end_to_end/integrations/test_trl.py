"""The reward function as GRPOTrainer calls it: by keyword, with the dataset's columns, its state and its loggers."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from assay import InvalidArgument
from assay.integrations.service import Scorer, Service
from assay.integrations.trl import AssayReward
from assay.results import SampleResult
from assay.rollouts import Rollout
from assay.sdk.samples import Json


@dataclass(frozen=True, slots=True)
class State:
    global_step: int = 7


def test_plain_completions_get_their_scores(service: Service):
    reward = AssayReward(Scorer(service))
    given = reward(
        prompts=["9+9?", "9+9?", "1+1?"],
        completions=["so A: 18", "so A: 3", "so A: 2"],
        completion_ids=[[1, 2], [1], [3]],
        answer=["18", "18", "2"],
        trainer_state=State(),
    )
    assert given == [1.0, 0.0, 1.0]
    assert reward.__name__ == "assay"


def test_conversations_get_their_scores(service: Service):
    asked = [{"role": "user", "content": "9+9?"}]
    said = [{"role": "assistant", "content": "so A: 18"}]
    assert AssayReward(Scorer(service))(prompts=[asked], completions=[said], answer=["18"]) == [1.0]


def test_what_could_not_be_scored_is_none_and_is_logged(service: Service):
    metrics: dict[str, float] = {}
    columns: dict[str, list[object]] = {}

    def truth(row: Mapping[str, object]) -> Mapping[str, Json]:
        return {"answer": str(row["gold"])} if row["gold"] else {}

    reward = AssayReward(Scorer(service), reference=truth)
    given = reward(
        prompts=["a", "b"],
        completions=["A: 1", "A: 1"],
        gold=["1", ""],
        log_metric=metrics.__setitem__,
        log_extra=columns.__setitem__,
    )
    assert given == [1.0, None]
    assert metrics == {"assay/unscored": 0.5}
    assert columns["assay_failure"][0] == ""
    assert columns["assay_failure"][1] != ""


def test_rollouts_say_which_step_and_which_prompt(service: Service):
    sent: list[Rollout] = []

    class Noting(Scorer):
        def score(self, rollouts: Sequence[Rollout]) -> list[SampleResult]:
            sent.extend(rollouts)
            return super().score(rollouts)

    reward = AssayReward(Noting(service), extra=["level"], task_type="{kind}", key="answer")
    reward(
        prompts=["p", "p", "q"],
        completions=["A: 1"] * 3,
        completion_ids=[[1], [1, 2], [1]],
        answer=["1"] * 3,
        level=[1, 1, 2],
        kind=["math"] * 3,
        trainer_state=State(),
    )
    assert {r.global_step for r in sent} == {7}
    assert sent[0].group_id == sent[1].group_id != sent[2].group_id
    assert len({r.rollout_id for r in sent}) == 3
    assert [(r.num_tokens, r.extra, r.task_type) for r in sent[1:]] == [
        (2, {"level": 1}, "math"),
        (1, {"level": 2}, "math"),
    ]


def test_a_missing_column_is_named_and_a_copy_works_elsewhere(service: Service):
    reward = AssayReward(Scorer(service), reference="solution")
    with pytest.raises(InvalidArgument, match=r"solution.*answer"):
        reward(prompts=["a"], completions=["b"], answer=["1"])
    copied: AssayReward = pickle.loads(pickle.dumps(reward))
    assert copied(prompts=["a"], completions=["A: 1"], solution=["1"]) == [1.0]
    assert copied(prompts=[], completions=[], solution=[]) == []
