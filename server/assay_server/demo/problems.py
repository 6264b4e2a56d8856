"""The bundled word problems with sampled answers of many forms, as a trainer would send them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypedDict, cast

from assay.rollouts import Rollout
from assay.sdk import Json


class _SampleJson(TypedDict):
    text: str
    correct: bool


class _ProblemJson(TypedDict):
    id: str
    type: str
    question: str
    reference: dict[str, Json]
    samples: list[_SampleJson]


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """What a policy might have said, and whether a person calls it right."""

    text: str
    correct: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A word problem.

    Attributes:
        type: ``math`` (reference ``{"answer"}``) or ``choice`` (reference ``{"answer", "choices"}``).
    """

    id: str
    type: str
    question: str
    reference: dict[str, Json]
    samples: tuple[SampledAnswer, ...]


def load_problems() -> tuple[Problem, ...]:
    """All bundled problems, in their order."""
    text = resources.files("assay_server.demo").joinpath("problems.jsonl").read_text("utf-8")
    return tuple(_problem(cast("_ProblemJson", json.loads(line))) for line in text.splitlines())


def _problem(read: _ProblemJson) -> Problem:
    samples = tuple(SampledAnswer(sample["text"], sample["correct"]) for sample in read["samples"])
    return Problem(read["id"], read["type"], read["question"], read["reference"], samples)


def rollouts_of(problems: Sequence[Problem], epoch: int = 0) -> list[Rollout]:
    """One group per problem, one rollout per sampled answer; ids differ between epochs."""
    return [
        Rollout(
            rollout_id=f"{problem.id}.{epoch}.{index}",
            group_id=f"{problem.id}.{epoch}",
            group_size=len(problem.samples),
            prompt_id=problem.id,
            task_type=problem.type,
            reference=problem.reference,
            prompt=problem.question,
            response=sample.text,
            global_step=epoch,
        )
        for problem in problems
        for index, sample in enumerate(problem.samples)
    ]
