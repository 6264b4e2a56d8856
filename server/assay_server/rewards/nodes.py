"""The nodes of a compiled reward tree: how leaves speak and how their values combine."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from assay.sdk import Evidence, RewardDefinition, Sample, Score, SpanReward, Unscorable, Verdict
from assay.sdk.spec import EnsembleKind

_LARGEST = sys.float_info.max
_SAMPLE_FIELDS = ("num_tokens", "num_tool_calls")
"""Names in ``required_signals`` that are fields of the sample itself."""

Outcome = tuple[float, Verdict]


@dataclass(slots=True)
class Collected:
    """What the leaves of one evaluation have said so far."""

    components: dict[str, float] = field(default_factory=dict[str, float])
    evidence: dict[str, Evidence] = field(default_factory=dict[str, Evidence])
    constraints: dict[str, bool] = field(default_factory=dict[str, bool])
    answer_key: str = ""
    rewards: list[str] = field(default_factory=list[str])
    spans: tuple[SpanReward, ...] = ()


class Node(Protocol):
    """A part of a reward tree."""

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        """Value and verdict of the sample; raises Unscorable."""
        ...

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        """The leaves that concern ``sample`` (None: all of them), in order."""
        ...


@dataclass(frozen=True, slots=True)
class LeafNode:
    """One reward with its parameters bound.

    Attributes:
        minimum: values below are a defect of the reward, as are values above ``maximum``.
    """

    component: str
    definition: RewardDefinition
    function: Callable[..., Score]
    bound: Mapping[str, object]
    minimum: float
    maximum: float
    execution_timeout: float | None
    pin: str
    spoken: tuple[str, ...]

    def score(self, sample: Sample) -> Score:
        """What the reward says.

        Raises:
            Unscorable: it could not say anything, or said what it never should.
        """
        for name in self.definition.required_signals:
            self._require(name, sample)
        try:
            score = self.function(sample, **self.bound)
            value = score.value
            sound = self.minimum <= value <= self.maximum and not (
                score.components and not all(map(math.isfinite, score.components.values()))
            )
        except Unscorable as error:
            message = f"{self.component}: {error.message}"
            raise Unscorable(error.reason, message, field=error.field, retryable=error.retryable) from error
        except Exception as error:
            message = f"{self.component}: the reward {self.definition.id} failed on this sample"
            raise Unscorable("REWARD_FAILED", message) from error
        if not sound:
            self._refuse(value)
        return score

    def _require(self, name: str, sample: Sample) -> None:
        present = getattr(sample, name) is not None if name in _SAMPLE_FIELDS else name in sample.signals
        if not present:
            path = name if name in _SAMPLE_FIELDS else f"signals.{name}"
            message = f"{self.component}: {self.definition.id} needs {path}, which the trainer must send"
            raise Unscorable("MISSING_SIGNAL", message, field=path)

    def _refuse(self, value: float) -> NoReturn:
        declared = f"[{self.definition.minimum}, {self.definition.maximum}]"
        message = (
            f"{self.component}: {self.definition.id} declares {declared} but returned {value!r} or a part not finite"
        )
        raise Unscorable("REWARD_OUT_OF_BOUNDS", message)

    def collect(self, score: Score, collected: Collected) -> None:
        """Enter what the reward said."""
        name = self.component
        collected.components[name] = float(score.value)
        for part, value in score.components.items():
            collected.components[f"{name}/{part}"] = float(value)
        if score.evidence is not None:
            collected.evidence[name] = score.evidence
        for constraint, kept in score.constraints.items():
            collected.constraints[constraint] = kept and collected.constraints.get(constraint, True)
        if score.answer_key and not collected.answer_key:
            collected.answer_key = score.answer_key
        if score.spans:
            collected.spans += score.spans
        if self.spoken[0] not in collected.rewards:
            collected.rewards.append(self.spoken[0])

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        score = self.score(sample)
        self.collect(score, collected)
        return float(score.value), score.verdict

    def mention(self, sample: Sample, collected: Collected) -> None:
        """Speak though the value does not count: a failure leaves a note instead of a component."""
        try:
            score = self.score(sample)
        except Unscorable as error:
            note = Evidence(reason=f"not scored, and not needed: {error.message}", detail={"unscorable": error.reason})
            collected.evidence[self.component] = note
        else:
            self.collect(score, collected)

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        del sample
        yield self


@dataclass(frozen=True, slots=True)
class SumNode:
    """``sum(weight * value)``; the verdict of the first term that has one."""

    name: str
    terms: tuple[tuple[float, Node], ...]

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        outcomes = [(weight, *node.evaluate(sample, collected)) for weight, node in self.terms]
        value = _checked(sum(weight * value for weight, value, _ in outcomes), self.name or "weighted sum")
        return _named(self.name, value, collected), _first_verdict(verdict for _, _, verdict in outcomes)

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        for _, node in self.terms:
            yield from node.leaves(sample)


@dataclass(frozen=True, slots=True)
class ProductNode:
    """The product of the factors; the verdict of the first factor that has one."""

    name: str
    factors: tuple[Node, ...]

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        outcomes = [node.evaluate(sample, collected) for node in self.factors]
        value = _checked(math.prod(value for value, _ in outcomes), self.name or "product")
        return _named(self.name, value, collected), _first_verdict(verdict for _, verdict in outcomes)

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        for node in self.factors:
            yield from node.leaves(sample)


@dataclass(frozen=True, slots=True)
class GateNode:
    """``then`` where the condition reached the threshold, else ``otherwise``."""

    name: str
    condition: Node
    then: Node
    threshold: float
    otherwise: float

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        value, condition_verdict = self.condition.evaluate(sample, collected)
        if value >= self.threshold:
            value, verdict = self.then.evaluate(sample, collected)
            return _named(self.name, value, collected), _first_verdict(iter((verdict, condition_verdict)))
        for leaf in self.then.leaves(sample):
            leaf.mention(sample, collected)
        verdict = _first_verdict(iter((condition_verdict, Verdict.INCORRECT)))
        return _named(self.name, self.otherwise, collected), verdict

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        yield from self.condition.leaves(sample)
        yield from self.then.leaves(sample)


@dataclass(frozen=True, slots=True)
class EnsembleNode:
    """Minimum, or mean minus coefficient x population variance; the variance is a component."""

    name: str
    members: tuple[Node, ...]
    kind: EnsembleKind
    coefficient: float
    variance_component: str

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        outcomes = [node.evaluate(sample, collected) for node in self.members]
        values = [value for value, _ in outcomes]
        what = self.name or "ensemble"
        mean = _checked(sum(values) / len(values), what)
        variance = _checked(sum((value - mean) * (value - mean) for value in values) / len(values), what)
        collected.components[self.variance_component] = variance
        value = min(values) if self.kind is EnsembleKind.MIN else _checked(mean - self.coefficient * variance, what)
        return _named(self.name, value, collected), _first_verdict(verdict for _, verdict in outcomes)

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        for node in self.members:
            yield from node.leaves(sample)


@dataclass(frozen=True, slots=True)
class RouteNode:
    """The reward of the sample's task type; the others are not evaluated."""

    name: str
    routes: Mapping[str, Node]
    fallback: Node | None

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        value, verdict = self._chosen(sample).evaluate(sample, collected)
        return _named(self.name, value, collected), verdict

    def _chosen(self, sample: Sample) -> Node:
        node = self.routes.get(sample.task_type, self.fallback)
        if node is None:
            known = ", ".join(sorted(self.routes)[:20])
            message = f"no reward is routed for task type {sample.task_type[:100]!r}; the run knows: {known}"
            raise Unscorable("UNKNOWN_TASK_TYPE", message, field="task_type")
        return node

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        if sample is not None:
            node = self.routes.get(sample.task_type, self.fallback)
            nodes = () if node is None else (node,)
        else:
            nodes = (*self.routes.values(), *(() if self.fallback is None else (self.fallback,)))
        for node in nodes:
            yield from node.leaves(sample)


def _named(name: str, value: float, collected: Collected) -> float:
    if name:
        collected.components[name] = value
    return value


def _first_verdict(verdicts: Iterator[Verdict]) -> Verdict:
    return next((verdict for verdict in verdicts if verdict is not Verdict.UNSPECIFIED), Verdict.UNSPECIFIED)


def _checked(value: float, what: str) -> float:
    if not -_LARGEST <= value <= _LARGEST:
        raise Unscorable("REWARD_OUT_OF_BOUNDS", f"{what}: the combined value is not finite")
    return value
