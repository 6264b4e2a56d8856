"""Compiling a reward spec: every mistake is found before the first sample comes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from types import MappingProxyType

from assay.sdk import Json, PluginDefinition, RewardDefinition, Sample, Score
from assay.sdk.parameters import JUDGE, bind_parameters, named_in
from assay.sdk.spec import Ensemble, Gate, Leaf, Product, RewardSpec, Route, WeightedSum
from assay_server.rewards.assessment import Assessment
from assay_server.rewards.catalogue import Catalogue
from assay_server.rewards.errors import SpecError, UnknownReward
from assay_server.rewards.hacking_findings import is_small
from assay_server.rewards.hacking_grader_directed_text import grader_directed_text
from assay_server.rewards.nodes import (
    Collected,
    EnsembleNode,
    GateNode,
    Known,
    LeafNode,
    Node,
    Plan,
    ProductNode,
    RouteNode,
    SumNode,
)
from assay_server.rewards.scoped import ScopedLeaf, Stages, widest

MAX_DEPTH = 32
"""Deepest nesting of a spec; a single leaf has depth 1."""

MAX_LEAVES = 1024
"""Most leaves of a spec."""

_PIN_DIGITS = 12
_FLAG = "grader_directed_text"


@dataclass(frozen=True, slots=True)
class CompiledReward:
    """A reward tree with its names resolved and its parameters bound.

    Attributes:
        root: what is said of one rollout.
        leaves: all leaves in order.
        pins: ``id@digest`` of every reward in it, distinct, in order; equal pins mean equal behaviour.
        required_signals: what the trainer must send, sorted.
        judges: names of the judging models that its parameters name, sorted.
        stages: where rewards of group or batch scope are in it; None: ``root`` is all there is to say.
    """

    root: Node
    leaves: tuple[LeafNode, ...]
    pins: tuple[str, ...]
    required_signals: tuple[str, ...]
    judges: tuple[str, ...] = ()
    stages: Stages | None = None

    @property
    def inline(self) -> bool:
        """Whether every leaf may run on the loop."""
        return all(leaf.inline for leaf in self.leaves)

    def at_once(self, sample: Sample) -> Assessment | None:
        """What can be said of ``sample`` on the loop in one go; None: :meth:`pending` has to be asked.

        Raises:
            Unscorable: as :meth:`evaluate`.
        """
        root = self.root
        if type(root) is LeafNode:
            said = root.score(sample) if root.inline else root.attempt(sample)
            return None if said is None else self._flagged(_assessment_of(root, said), sample)
        return self.evaluate(sample) if self.inline else None

    def pending(self, sample: Sample, plan: Plan) -> list[LeafNode]:
        """The leaves of other lanes that are to be run next for ``sample``; none where :meth:`evaluate` can answer.

        Quick stages are tried here; what they say is entered into the plan.
        """
        return list(self.root.pending(sample, plan))

    def evaluate(self, sample: Sample, known: Known | None = None) -> Assessment:
        """Value, components and evidence of ``sample``.

        Args:
            sample: what is judged.
            known: what the leaves of other lanes that :meth:`pending` named have said.

        Raises:
            Unscorable: a leaf that counts could not be scored; the message names its component.
        """
        root = self.root
        if known is None and type(root) is LeafNode:
            return self._flagged(_assessment_of(root, root.here(sample)), sample)
        collected = Collected(known=known or {})
        value, verdict = root.evaluate(sample, collected)
        assessment = Assessment(
            value,
            verdict,
            collected.components,
            collected.evidence,
            collected.constraints,
            collected.answer_key,
            tuple(collected.rewards),
            collected.spans,
        )
        return self._flagged(assessment, sample)

    def _flagged(self, assessment: Assessment, sample: Sample) -> Assessment:
        """Where a judge may speak: whether the response talks to whoever judges it, also where none was asked."""
        if not self.judges or _FLAG in assessment.constraints or not is_small(sample):
            return assessment
        flag = grader_directed_text.function(sample)
        return replace(assessment, constraints={**assessment.constraints, **flag.constraints})


def _assessment_of(leaf: LeafNode, score: Score) -> Assessment:
    value, component = float(score.value), leaf.component
    components = {component: value}
    if score.components:
        components.update({f"{component}/{part}": float(number) for part, number in score.components.items()})
    evidence = {} if score.evidence is None else {component: score.evidence}
    return Assessment(
        value, score.verdict, components, evidence, score.constraints, score.answer_key, leaf.spoken, score.spans
    )


def compile_reward(
    spec: RewardSpec, catalogue: Catalogue, field: str = "reward", defaults: Mapping[str, Json] = MappingProxyType({})
) -> CompiledReward:
    """Check ``spec`` and bind it to the rewards of ``catalogue``.

    The verdict of a sum, product or ensemble is that of its first child with a verdict; of a route, that of the
    chosen child. A gate that opened has the verdict of ``then``, else of the condition; one that stayed shut has
    that of its condition, else INCORRECT. Leaves behind a shut gate still speak; the routes not taken do not.

    Args:
        spec: the tree.
        catalogue: where names are looked up.
        field: path of ``spec`` in the request, for error messages.
        defaults: what parameters of these names are, in all rewards that have them and where the spec does not say.

    Raises:
        SpecError: unknown reward, parameters that do not fit, a component name used twice, a number that is not
            finite, a node without children, or nesting beyond ``MAX_DEPTH``.
    """
    compiler = _Compiler(catalogue, defaults)
    root = compiler.node(spec, field, 1)
    try:
        stages = Stages.of(root)
    except ValueError as error:
        raise SpecError(field, str(error)) from error
    leaves = tuple(root.leaves(None))
    everyone = (*leaves, *(stages.scoped if stages else ()))
    return CompiledReward(
        root=stages.alone if stages else root,
        leaves=leaves,
        pins=tuple(dict.fromkeys(leaf.pin for leaf in everyone)),
        required_signals=tuple(sorted({name for leaf in everyone for name in leaf.definition.required_signals})),
        judges=tuple(sorted({name for leaf in leaves for _, name in judges_of(leaf.definition, leaf.bound)})),
        stages=stages,
    )


class _Compiler:
    def __init__(self, catalogue: Catalogue, defaults: Mapping[str, Json]) -> None:
        self._catalogue = catalogue
        self._defaults = defaults
        self._components: set[str] = set()
        self._leaves = count(1)

    def node(self, spec: RewardSpec, field: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise SpecError(field, f"nested deeper than {MAX_DEPTH}")
        if isinstance(spec, Leaf):
            return self._leaf(spec, field, depth)
        if spec.name:
            self._take_name(spec.name, f"{field}.name")
        match spec:
            case WeightedSum():
                return self._sum(spec, f"{field}.weighted_sum.terms", depth)
            case Product():
                return ProductNode(spec.name, self._all(spec.factors, f"{field}.product.factors", depth))
            case Gate():
                return self._gate(spec, f"{field}.gate", depth)
            case Ensemble():
                return self._ensemble(spec, f"{field}.ensemble", depth)
            case Route():
                return self._route(spec, f"{field}.route", depth)

    def _leaf(self, spec: Leaf, field: str, depth: int) -> LeafNode | ScopedLeaf:
        if next(self._leaves) > MAX_LEAVES:
            raise SpecError(field, f"more than {MAX_LEAVES} rewards in one spec")
        try:
            definition = self._catalogue.find(spec.id)
        except UnknownReward as error:
            raise SpecError(f"{field}.leaf.id", str(error)) from error
        try:
            given = {one.name: self._defaults[one.name] for one in definition.parameters if one.name in self._defaults}
            bound = bind_parameters(definition.parameters, {**given, **spec.params})
        except ValueError as error:
            raise SpecError(f"{field}.leaf.params", f"{definition.id}: {error}") from error
        timeout = spec.execution_timeout
        if timeout is not None and not 0.0 < timeout < math.inf:
            raise SpecError(f"{field}.leaf.execution_timeout", f"expected positive seconds, got {timeout}")
        component = spec.name or spec.id
        self._take_name(component, f"{field}.name")
        if isinstance(definition, PluginDefinition):
            of = None if spec.of is None else self.node(spec.of, f"{field}.leaf.of", depth + 1)
            return _scoped_leaf(definition, bound, component, timeout, of, f"{field}.leaf.of")
        if spec.of is not None:
            raise SpecError(f"{field}.leaf.of", f"{definition.id} judges one rollout and is made of no other reward")
        self._check_judges(definition, bound, f"{field}.leaf.params")
        return bind_leaf(definition, bound, component, timeout)

    def _check_judges(self, definition: RewardDefinition, bound: Mapping[str, object], field: str) -> None:
        for parameter, judge in judges_of(definition, bound):
            missing = self._catalogue.missing_judge(judge)
            if missing is not None:
                raise SpecError(f"{field}.{parameter}", str(missing)) from missing

    def _sum(self, spec: WeightedSum, field: str, depth: int) -> SumNode:
        for index, (weight, _) in enumerate(spec.terms):
            _finite(weight, f"{field}[{index}].weight")
        paths = [f"{field}[{index}].reward" for index in range(len(spec.terms))]
        nodes = self._each([reward for _, reward in spec.terms], paths, field, depth)
        weights = [float(weight) for weight, _ in spec.terms]
        return SumNode(spec.name, tuple(zip(weights, nodes, strict=True)))

    def _gate(self, spec: Gate, field: str, depth: int) -> GateNode:
        _finite(spec.threshold, f"{field}.threshold")
        _finite(spec.otherwise, f"{field}.otherwise")
        condition = self.node(spec.condition, f"{field}.condition", depth + 1)
        then = self.node(spec.then, f"{field}.then", depth + 1)
        return GateNode(spec.name, condition, then, float(spec.threshold), float(spec.otherwise))

    def _ensemble(self, spec: Ensemble, field: str, depth: int) -> EnsembleNode:
        _finite(spec.coefficient, f"{field}.coefficient")
        variance = f"{spec.name or 'ensemble'}/variance"
        self._take_name(variance, f"{field}.name")
        members = self._all(spec.members, f"{field}.members", depth)
        return EnsembleNode(spec.name, members, spec.kind, float(spec.coefficient), variance)

    def _route(self, spec: Route, field: str, depth: int) -> RouteNode:
        names = sorted(spec.routes)
        paths = [f"{field}.routes[{name!r}]" for name in names]
        if not names and spec.fallback is None:
            raise SpecError(field, "needs at least one route or a fallback")
        nodes = [self.node(spec.routes[name], path, depth + 1) for name, path in zip(names, paths, strict=True)]
        fallback = None if spec.fallback is None else self.node(spec.fallback, f"{field}.fallback", depth + 1)
        return RouteNode(spec.name, dict(zip(names, nodes, strict=True)), fallback)

    def _all(self, specs: Sequence[RewardSpec], field: str, depth: int) -> tuple[Node, ...]:
        return tuple(self._each(specs, [f"{field}[{index}]" for index in range(len(specs))], field, depth))

    def _each(self, specs: Sequence[RewardSpec], paths: Iterable[str], field: str, depth: int) -> list[Node]:
        if not specs:
            raise SpecError(field, "needs at least one reward")
        return [self.node(spec, path, depth + 1) for spec, path in zip(specs, paths, strict=True)]

    def _take_name(self, name: str, field: str) -> None:
        if name in self._components:
            raise SpecError(field, f"the component name {name!r} is used twice; give one of the rewards another name")
        self._components.add(name)


def judges_of(definition: RewardDefinition, bound: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Parameters that name judges, with the names."""
    for parameter in definition.parameters:
        for name in named_in(bound[parameter.name], parameter.schema, JUDGE):
            yield parameter.name, name


def bind_leaf(
    definition: RewardDefinition, bound: Mapping[str, object], component: str, timeout: float | None = None
) -> LeafNode:
    """A definition with its parameters, ready to run.

    Args:
        definition: the reward.
        bound: every keyword argument of its function.
        component: what its value is called.
        timeout: seconds of execution; None = the lane's default.
    """
    minimum, maximum = _bounds(definition, bound)
    return LeafNode(
        component=component,
        definition=definition,
        function=definition.function,
        bound=bound,
        minimum=minimum,
        maximum=maximum,
        execution_timeout=timeout,
        pin=f"{definition.id}@{definition.digest}",
        spoken=(f"{definition.id}@{definition.digest[:_PIN_DIGITS]}",),
        parts=() if _has_own_parameters(definition, bound) else definition.parts,
    )


def _scoped_leaf(
    definition: PluginDefinition,
    bound: Mapping[str, object],
    component: str,
    timeout: float | None,
    of: Node | None,
    field: str,
) -> ScopedLeaf:
    minimum, maximum = _bounds(definition, bound)
    pin = f"{definition.id}@{definition.digest}"
    leaf = ScopedLeaf(component, definition, bound, minimum, maximum, timeout, pin, of)
    if of is not None and widest(of) > leaf.scope:
        raise SpecError(field, "a group reward cannot be made of a batch reward, which speaks later")
    return leaf


def _bounds(definition: RewardDefinition | PluginDefinition, bound: Mapping[str, object]) -> tuple[float, float]:
    """Declared bounds hold for the default parameters; with others a value need only be finite."""
    largest = sys.float_info.max
    if _has_own_parameters(definition, bound):
        return -largest, largest
    return max(definition.minimum, -largest), min(definition.maximum, largest)


def _has_own_parameters(definition: RewardDefinition | PluginDefinition, bound: Mapping[str, object]) -> bool:
    optional = (parameter for parameter in definition.parameters if not parameter.required)
    return any(bound[parameter.name] != parameter.default for parameter in optional)


def _finite(value: float, field: str) -> None:
    if not math.isfinite(value):
        raise SpecError(field, f"expected a finite number, got {value}")
