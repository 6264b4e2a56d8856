"""The nodes of a compiled reward tree: how leaves speak and how their values combine."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from assay.sdk import Evidence, Lane, RewardDefinition, Sample, Score, SpanReward, Unscorable, Verdict
from assay.sdk.spec import EnsembleKind

_LARGEST = sys.float_info.max
_SAMPLE_FIELDS = ("num_tokens", "num_tool_calls")
"""Names in ``required_signals`` that are fields of the sample itself."""

Outcome = tuple[float, Verdict]
Known = Mapping[str, Score | Unscorable]
"""What rewards of other lanes have said, by component."""


@dataclass(slots=True)
class Plan:
    """What is known of one sample so far, while rewards of other lanes are at work on it."""

    known: dict[str, Score | Unscorable] = field(default_factory=dict[str, Score | Unscorable])
    asked: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Collected:
    """What the leaves of one evaluation have said so far."""

    components: dict[str, float] = field(default_factory=dict[str, float])
    evidence: dict[str, Evidence] = field(default_factory=dict[str, Evidence])
    constraints: dict[str, bool] = field(default_factory=dict[str, bool])
    answer_key: str = ""
    rewards: list[str] = field(default_factory=list[str])
    spans: tuple[SpanReward, ...] = ()
    known: Known = field(default_factory=dict[str, Score | Unscorable])


class Node(Protocol):
    """A part of a reward tree."""

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        """Value and verdict of the sample; raises Unscorable."""
        ...

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        """The leaves that concern ``sample`` (None: all of them), in order."""
        ...

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        """The leaves of other lanes whose score is needed next."""
        ...


def _is_sound(span: SpanReward) -> bool:
    return math.isfinite(span.reward) and 0 <= span.start <= span.end


@dataclass(frozen=True, slots=True)
class LeafNode:
    """One reward with its parameters bound.

    Attributes:
        minimum: values below are a defect of the reward, as are values above ``maximum``.
        parts: component, lowest and highest value of the components that have bounds of their own.
    """

    component: str
    definition: RewardDefinition
    function: Callable[..., object]
    bound: Mapping[str, object]
    minimum: float
    maximum: float
    execution_timeout: float | None
    pin: str
    spoken: tuple[str, ...]
    parts: tuple[tuple[str, float, float], ...] = ()

    @property
    def inline(self) -> bool:
        """Whether it may run on the loop."""
        return self.definition.lane is Lane.INLINE

    def score(self, sample: Sample) -> Score:
        """What an inline reward says.

        Raises:
            Unscorable: it could not say anything, or said what it never should.
        """
        self.require_signals(sample)
        try:
            said = self.function(sample, **self.bound)
        except Exception as error:
            raise self.failure(error) from error
        return self.checked(said)

    def attempt(self, sample: Sample) -> Score | None:
        """What the quick stage of a reward of another lane says; None = the reward itself is needed.

        Raises:
            Unscorable: as :meth:`score`.
        """
        self.require_signals(sample)
        if self.definition.quick is None:
            return None
        try:
            said = self.definition.quick(sample, **self.bound)
        except Exception as error:
            raise self.failure(error) from error
        return None if said is None else self.checked(said)

    def require_signals(self, sample: Sample) -> None:
        """Raise Unscorable (MISSING_SIGNAL) where the trainer did not send what the reward reads."""
        for name in self.definition.required_signals:
            self._require(name, sample)

    def failure(self, error: Exception) -> Unscorable:
        """What an exception of the reward means for the sample; its text stays in the log."""
        if isinstance(error, Unscorable):
            message = f"{self.component}: {error.message}"
            return Unscorable(error.reason, message, field=error.field, retryable=error.retryable)
        message = f"{self.component}: the reward {self.definition.id} failed on this sample"
        return Unscorable("REWARD_FAILED", message)

    def checked(self, said: object) -> Score:
        """What the reward said, if it is what it declared.

        Raises:
            Unscorable: REWARD_FAILED, it is no score; REWARD_OUT_OF_BOUNDS.
        """
        if not isinstance(said, Score):
            kind = type(said).__name__[:80]
            message = f"{self.component}: {self.definition.id} returned a {kind}; expected an assay.sdk.Score"
            raise Unscorable("REWARD_FAILED", message)
        value = said.value
        try:
            sound = (
                self.minimum <= value <= self.maximum
                and not (said.components and not self._sound_parts(said.components))
                and not (said.spans and not all(map(_is_sound, said.spans)))
            )
        except Exception as error:
            raise self.failure(error) from error
        if not sound:
            self._refuse(value)
        return said

    def _sound_parts(self, components: Mapping[str, float]) -> bool:
        finite = all(map(math.isfinite, components.values()))
        return finite and all(low <= components.get(name, low) <= high for name, low, high in self.parts)

    def _require(self, name: str, sample: Sample) -> None:
        present = getattr(sample, name) is not None if name in _SAMPLE_FIELDS else name in sample.signals
        if not present:
            path = name if name in _SAMPLE_FIELDS else f"signals.{name}"
            message = f"{self.component}: {self.definition.id} needs {path}, which the trainer must send"
            raise Unscorable("MISSING_SIGNAL", message, field=path)

    def _refuse(self, value: float) -> NoReturn:
        declared = f"[{self.definition.minimum}, {self.definition.maximum}]"
        message = (
            f"{self.component}: {self.definition.id} declares {declared} but returned {value!r}, or a part or a span "
            "outside its own bounds or not finite"
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
        score = self._said(sample, collected)
        self.collect(score, collected)
        return float(score.value), score.verdict

    def _said(self, sample: Sample, collected: Collected) -> Score:
        said = collected.known.get(self.component)
        if isinstance(said, Unscorable):
            raise said
        return self.here(sample) if said is None else said

    def here(self, sample: Sample) -> Score:
        """What the reward says without its lane: all of an inline reward, the quick stage of another.

        Raises:
            Unscorable: as :meth:`score`; LANE_UNAVAILABLE, the quick stage cannot tell.
        """
        said = self.score(sample) if self.inline else self.attempt(sample)
        if said is None:
            lane = self.definition.lane.name.lower()
            raise Unscorable("LANE_UNAVAILABLE", f"{self.component}: only the {lane} lane can tell")
        return said

    def mention(self, sample: Sample, collected: Collected) -> None:
        """Speak though the value does not count: a failure leaves a note instead of a component, and so does what only
        another lane could tell; that is not run for nothing."""
        try:
            score = self._said(sample, collected)
        except Unscorable as error:
            unasked = error.reason == "LANE_UNAVAILABLE" and self.component not in collected.known
            reason = "not run: the gate stayed shut" if unasked else f"not scored, and not needed: {error.message}"
            collected.evidence[self.component] = Evidence(reason=reason, detail={"unscorable": error.reason})
        else:
            self.collect(score, collected)

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        del sample
        yield self

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        if self.inline or self.component in plan.known:
            return
        if self.component not in plan.asked:
            plan.asked.add(self.component)
            try:
                score = self.attempt(sample)
            except Unscorable as error:
                plan.known[self.component] = error
                return
            if score is not None:
                plan.known[self.component] = score
                return
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

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        for _, node in self.terms:
            yield from node.pending(sample, plan)


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

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        for node in self.factors:
            yield from node.pending(sample, plan)


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

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        waiting = list(self.condition.pending(sample, plan))
        if waiting:
            yield from waiting
            return
        try:
            value, _ = self.condition.evaluate(sample, Collected(known=plan.known))
        except Unscorable:
            return  # the whole sample is unscorable: nothing more is needed
        if value >= self.threshold:
            yield from self.then.pending(sample, plan)


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

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        for node in self.members:
            yield from node.pending(sample, plan)


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

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        node = self.routes.get(sample.task_type, self.fallback)
        if node is not None:
            yield from node.pending(sample, plan)


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
