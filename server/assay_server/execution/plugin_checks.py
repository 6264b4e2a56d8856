"""What can be found out about a plugin without data of its author's, and how it is explained. Where it runs is decided
elsewhere: the reward is called through a function.
"""

from __future__ import annotations

import inspect
import pickle
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.sdk import FinishedGroup, GroupMember, Json, Lane, RewardDefinition, Sample, Score, Step, Unscorable, Verdict
from assay.sdk.parameters import Parameter
from assay_server.execution.cpu.jobs import Ran

CHECK_SECONDS = 2.0
"""That an item may take."""

_REPEATS = 5
_TIMED_RUNS = 200
_INLINE_SECONDS = 0.001
_INLINE_BIG_SECONDS = 0.025
_CHEAP_SECONDS = 0.00005
_BROKEN = frozenset({"REWARD_FAILED", "REWARD_CRASHED", "REWARD_EXITED", "DEADLINE_EXCEEDED", "MEMORY_LIMIT"})
_SAMPLE_FIELDS = ("num_tokens", "num_tool_calls")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``explanation`` says what to do where it did not pass."""

    plugin: str
    check: str
    passed: bool
    explanation: str


Said = Ran | Unscorable
Run: TypeAlias = "Callable[[RewardDefinition, Mapping[str, object], Sample], Awaitable[Ran]]"
"""Calls a reward with parameters, where it can be stopped. Raises Unscorable."""


def example_of(schema: Mapping[str, Json]) -> Json:
    """A value that fits a schema of :func:`assay.sdk.parameters.schema_of`."""
    options = schema.get("enum", schema.get("anyOf"))
    if isinstance(options, list):
        first = options[0]
        return example_of(first) if isinstance(first, dict) else first
    items = schema.get("prefixItems")
    if isinstance(items, list):
        return [example_of(item) for item in items if isinstance(item, dict)]
    values: Mapping[Json, Json] = {
        "boolean": True, "integer": 1, "number": 1.0, "string": "x", "array": [], "object": {}, "null": None
    }  # fmt: skip
    return values[schema["type"]]


def bound_examples(parameters: Sequence[Parameter]) -> dict[str, object]:
    """Every parameter with its default, or an example where it has none."""
    return {one.name: example_of(one.schema) if one.required else one.default for one in parameters}


def samples_for(definition: RewardDefinition) -> dict[str, Sample]:
    """A plain sample, and those that break what was written with only plain ones in mind."""
    keys = definition.reference_keys or ("answer", "ground_truth")
    reference: dict[str, Json] = dict.fromkeys(keys, "18")
    signals = {name: 1.0 for name in definition.required_signals if name not in _SAMPLE_FIELDS}

    def made(text: str, truth: Mapping[str, Json]) -> Sample:
        steps = (Step(0, text),)
        return Sample("r1", text, truth, steps=steps, num_tokens=8, num_tool_calls=0, signals=signals)

    return {
        "plain text": made("2 * 9 is 18, so\nA: \\boxed{18}", reference),
        "an empty response": made("", reference),
        "a response of 1 MB": made("so 1 + (2 * 3) = 7 \\boxed{" * 40_000, reference),
        "1 MB of one character": made("(" * 1_000_000, reference),
        "unicode": made("答えは\u202e٣ \U0001f600\u0000 e\u0301 \u2028 ﬁ", reference),
        "no reference": made("A: 18", {}),
        "a reference of another type": made("A: 18", {key: [1, None, {"a": 2.5}] for key in keys}),
    }


class RewardCheck:
    """The checks of one reward."""

    def __init__(self, definition: RewardDefinition) -> None:
        self._definition = definition
        self._bound = bound_examples(definition.parameters)
        self._samples = samples_for(definition)
        # A function of another library's knows no Unscorable: it raises, which is told as such.
        self._foreign = definition.id.startswith("file/")
        self._broken = _BROKEN - {"REWARD_FAILED"} if self._foreign else _BROKEN

    def _finding(self, check: str, problem: str, fine: str) -> Finding:
        return Finding(self._definition.id, check, not problem, problem or fine)

    def findings(self, first: dict[str, list[Said]], second: dict[str, list[Said]]) -> list[Finding]:
        plain = first["plain text"][0]
        return [
            self._finding(
                "declaration", "", f"{self._definition.lane.name.lower()} lane, {len(self._bound)} parameters"
            ),
            self._determinism(first, second),
            self._bounds(first),
            self._pickling(first),
            self._hostile_inputs(first),
            self._missing_reference(first["no reference"][0]),
            self._speed(plain, first["a response of 1 MB"][0]),
        ]

    async def outcomes(self, run: Run) -> dict[str, list[Said]]:
        """What the reward says of each sample."""
        return {name: await self._repeated(run, one) for name, one in self._samples.items()}

    async def _repeated(self, run: Run, sample: Sample) -> list[Said]:
        """What it says each time; once where it does not end."""
        said = [await self._run(run, sample)]
        while len(said) < _REPEATS and not (isinstance(said[0], Unscorable) and said[0].reason == "DEADLINE_EXCEEDED"):
            said.append(await self._run(run, sample))
        return said

    async def _run(self, run: Run, sample: Sample) -> Said:
        try:
            return await run(self._definition, self._bound, sample)
        except Unscorable as error:
            return error

    # ------------------------------------------------------------ what they say

    def _determinism(self, first: Mapping[str, list[Said]], second: Mapping[str, list[Said]]) -> Finding:
        differing = [name for name in first if len({_shown(said) for said in (*first[name], *second[name])}) > 1]
        count = 2 * _REPEATS
        if differing and self._definition.deterministic:
            name = differing[0]
            shown = sorted({_shown(said) for said in (*first[name], *second[name])})[:2]
            problem = (
                f"equal samples got different answers: {name} got {shown[0]} and {shown[1]}. Take randomness from "
                "sample.seed, do not depend on the order of a set or on time, or declare deterministic=False"
            )
            return self._finding("determinism", problem, "")
        fine = f"equal answers in {count} runs over 2 processes" if not differing else "declared as not deterministic"
        return self._finding("determinism", "", fine)

    def _bounds(self, outcomes: Mapping[str, list[Said]]) -> Finding:
        declared = f"[{self._definition.minimum:g}, {self._definition.maximum:g}]"
        for name, said in _first_of(outcomes):
            if isinstance(said, Unscorable) and said.reason == "REWARD_OUT_OF_BOUNDS":
                problem = f"{name}: {said.message}. Clip the value or declare wider bounds"
                return self._finding("bounds", problem, "")
        values = [said.score.value for _, said in _first_of(outcomes) if isinstance(said, Ran)]
        seen = f"{min(values):g} to {max(values):g}" if values else "no value at all"
        return self._finding("bounds", "", f"declared {declared}, seen {seen}")

    def _pickling(self, outcomes: Mapping[str, list[Said]]) -> Finding:
        problem = ""
        try:
            pickle.dumps(self._bound)
        except Exception as error:  # noqa: BLE001 - whatever it is, it cannot be sent
            problem = f"its default parameters cannot be sent to a worker: {error}"
        for name, said in _first_of(outcomes):
            if isinstance(said, Unscorable) and "cannot be sent" in said.message:
                problem = f"{name}: {said.message}; a score holds finite numbers, valid text and JSON values only"
        return self._finding("pickling", problem, "parameters and scores pass between processes")

    def _hostile_inputs(self, outcomes: Mapping[str, list[Said]]) -> Finding:
        broken = [
            f"{name}: {said.reason} ({said.message})"
            for name, said in _first_of(outcomes)
            if isinstance(said, Unscorable) and said.reason in self._broken
        ]
        advice = "; raise assay.sdk.Unscorable where there is nothing to score, and keep to linear time"
        return self._finding(
            "hostile inputs",
            "; ".join(broken) + advice if broken else "",
            f"answered all {len(outcomes)} kinds of input",
        )

    def _missing_reference(self, said: Said) -> Finding:
        needs = self._definition.reference_keys
        problem = ""
        if needs and isinstance(said, Ran):
            problem = (
                f"it declares reference_keys={needs} and gave {said.score.value:g} where there is no reference; raise "
                'Unscorable("REFERENCE_MISSING", ...): what cannot be scored is never a 0'
            )
        return self._finding("missing reference", problem, "no number is made up without a reference")

    def _speed(self, plain: Said, big: Said) -> Finding:
        if not isinstance(plain, Ran):
            return self._finding("speed", "", f"not measured: plain text could not be scored ({plain.message})")
        if inspect.iscoroutinefunction(self._definition.function) or self._definition.wants_ports:
            return self._finding("speed", "", f"{1e6 * plain.run_seconds:.0f} us for plain text, in a worker")
        seconds = self._timed()
        large = big.run_seconds if isinstance(big, Ran) else 0.0
        measured = f"{1e6 * seconds:.1f} us for plain text"
        measured += f", {1e3 * large:.1f} ms for 1 MB" if isinstance(big, Ran) else ""
        inline = self._definition.lane is Lane.INLINE
        if inline and (seconds > _INLINE_SECONDS or large > _INLINE_BIG_SECONDS):
            return self._finding("speed", f"{measured}: too slow for the loop; declare lane=Lane.CPU", "")
        cheap = not inline and not self._foreign and seconds < _CHEAP_SECONDS and large < _INLINE_BIG_SECONDS
        advice = "; fast enough for lane=Lane.INLINE" if cheap else ""
        return self._finding("speed", "", measured + advice)

    def _timed(self) -> float:
        """Median seconds for plain text, in this process: it has been seen to end."""
        sample, spans = self._samples["plain text"], list[float]()
        for _ in range(_TIMED_RUNS):
            started = time.perf_counter()
            self._definition.function(sample, **self._bound)
            spans.append(time.perf_counter() - started)
        return statistics.median(spans)


def _first_of(outcomes: Mapping[str, list[Said]]) -> list[tuple[str, Said]]:
    return [(name, said[0]) for name, said in outcomes.items()]


def _shown(said: Said) -> str:
    if isinstance(said, Unscorable):
        return f"{said.reason}: {said.message}"
    score: Score = said.score
    detail = "" if score.evidence is None else str(score.evidence)
    parts = sorted(score.components.items()), sorted(score.constraints.items())
    return f"{score.value!r} {score.verdict.name} {score.answer_key} {parts} {detail}"[:300]


def example_group(size: int) -> FinishedGroup:
    """A group of so many members, half of them right."""
    members = tuple(
        GroupMember(
            f"r{number}",
            float(number % 2),
            Verdict.CORRECT if number % 2 else Verdict.INCORRECT,
            answer_key=str(number % 3),
            num_tokens=10 * number + 1,
            num_tool_calls=number,
        )
        for number in range(size)
    )
    return FinishedGroup("g", members)
