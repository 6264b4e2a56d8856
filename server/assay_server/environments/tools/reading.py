"""What an action says: calls of tools, or a final answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.sdk import Json, Sample
from assay_server.environments.tools.schemas import BadCall, arguments_for
from assay_server.rewards.calls_literals import Call
from assay_server.rewards.calls_reading import calls_of
from assay_server.rewards.qa_answers import answer_of

LONGEST_ACTION = 100_000
_NOTHING = "no call of a tool and no marked answer found"


@dataclass(frozen=True, slots=True)
class Planned:
    """One call. ``problem`` says why it cannot be made; empty where it can."""

    name: str
    arguments: Mapping[str, Json]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What an action says: calls, else an answer, else a problem."""

    calls: tuple[Planned, ...] = ()
    answer: str | None = None
    problem: str = ""


def spoken(action: str, functions: Mapping[str, Mapping[str, Json]]) -> Spoken:
    """Read an action by the rules of ``tools/function-call``; an answer by those of the question answering rewards."""
    if len(action) > LONGEST_ACTION:
        return Spoken(problem=f"longer than {LONGEST_ACTION} characters")
    sample = Sample("", action)
    found = calls_of(sample, functions.keys())
    if found.calls:
        return Spoken(tuple(planned(call, functions) for call in found.calls))
    answer = answer_of(sample, "marked")
    if answer is not None:
        return Spoken(answer=answer.text)
    return Spoken(problem=found.problem or _NOTHING)


def planned(call: Call, functions: Mapping[str, Mapping[str, Json]]) -> Planned:
    """A call as one of these functions takes it."""
    try:
        return Planned(call.name, arguments_for(call, functions))
    except BadCall as error:
        return Planned(call.name, {}, str(error))
