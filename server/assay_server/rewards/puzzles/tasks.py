"""What a generator makes, and what every verifier says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict
from assay_server.rewards.answers import short_key
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.numeric_answers import final_text
from assay_server.rewards.regions import without_thoughts

_LONGEST_SHOWN = 1000
_LONGEST_ANSWER = 20_000
_OPENED = ("<answer>", "<Answer>", "<ANSWER>")
_CLOSED = ("</answer>", "</Answer>", "</ANSWER>")


@dataclass(frozen=True, slots=True)
class PuzzleTask:
    """A puzzle: what the policy is asked, what its answer is judged by, and an answer that is right."""

    prompt: str
    reference: Mapping[str, Json]
    solution: str


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of puzzle.

    Attributes:
        name: also a name of the reward that judges it.
        levels: 1 is the easiest.
        generate: (rng, level) -> a task that can be solved.
    """

    name: str
    summary: str
    levels: int
    generate: Callable[[Random, int], PuzzleTask]


def drawn(family: Family, level: int, seed: int, index: int) -> PuzzleTask:
    """The task of a family, a level, a seed and a number: the same everywhere.

    Raises:
        ValueError: there is no such level.
    """
    if not 1 <= level <= family.levels:
        raise ValueError(f"{family.name} has the levels 1 to {family.levels}, not {level}")
    rng = Random(f"{family.name}/{level}/{seed}/{index}")  # noqa: S311 - a puzzle, not a secret
    return family.generate(rng, level)


def asked(question: str, form: str) -> str:
    """A prompt that says how to answer."""
    return f"{question}\n\nGive your final answer within <answer> and </answer>: {form}"


def final_answer(sample: Sample) -> JudgedText | None:
    """What stands in the last answer tag, else in a box, else in the last fence, else the whole outside thoughts."""
    region = without_thoughts(sample.response)
    start = -1 if region is None else max(region.rfind(tag) for tag in _OPENED)
    if region is None or start < 0:
        return final_text(sample)
    start += len(_OPENED[0])
    ends = [at for tag in _CLOSED if (at := region.find(tag, start)) >= 0]
    if not ends and sample.truncated:
        return None
    end = min(ends, default=len(region))
    held = region[start:end].strip()
    return JudgedText(held, "answer_tag", start, end) if held and len(held) <= _LONGEST_ANSWER else None


def right(found: JudgedText, key: str, reason: str, layer: str, **components: float) -> Score:
    """The score of a right answer; ``key`` names it."""
    return Score(1.0, Verdict.CORRECT, _evidence(found, reason, layer), short_key(key), components)


def wrong(found: JudgedText | None, reason: str, layer: str, key: str = "", **components: float) -> Score:
    """The score of a wrong answer, or of none."""
    return Score(0.0, Verdict.INCORRECT, _evidence(found, reason, layer), short_key(key) if key else "", components)


def _evidence(found: JudgedText | None, reason: str, layer: str) -> Evidence:
    if found is None:
        return Evidence(reason="no answer found", layer=layer)
    return Evidence(found.text[:_LONGEST_SHOWN], found.method, found.start, found.end, reason, layer)


def refused(key: str, expected: str, held: Json) -> Unscorable:
    """The error of a reference whose ``key`` is missing or something else than ``expected``."""
    reason = "REFERENCE_MISSING" if held is None else "REFERENCE_UNPARSEABLE"
    return Unscorable(reason, f"{key}: expected {expected}, got {str(held)[:80]!r}", field=f"reference.{key}")


def whole_number(reference: Mapping[str, Json], key: str, low: int, high: int) -> int:
    """A whole number of a reference; raises Unscorable."""
    held = reference.get(key)
    if isinstance(held, bool) or not isinstance(held, int) or not low <= held <= high:
        raise refused(key, f"a whole number from {low} to {high}", held)
    return held


def texts(reference: Mapping[str, Json], key: str, most: int) -> list[str]:
    """A list of texts of a reference, none blank; raises Unscorable."""
    held = reference.get(key)
    if not isinstance(held, list) or not 0 < len(held) <= most:
        raise refused(key, f"a list of 1 to {most} texts", held)
    read = [item for item in held if isinstance(item, str) and item.strip()]
    if len(read) < len(held):
        raise refused(key, f"a list of 1 to {most} texts", held)
    return read
