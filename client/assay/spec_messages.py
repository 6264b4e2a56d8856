"""Reward specs, groupings, estimators and filters as proto messages, and back.

Reading is strict: what cannot be understood raises :class:`SpecError` with the path of the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar, cast

from google.protobuf.duration_pb2 import Duration

from assay._text import json_text, parse_json
from assay.errors import invalid
from assay.sdk import spec
from assay.sdk.samples import Json
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as run

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_REWARDS: tuple[type, ...] = (
    spec.Leaf, spec.WeightedSum, spec.Product, spec.Gate, spec.Ensemble, spec.Route
)  # fmt: skip
MAX_NESTING = 32
"""Levels of nodes in a reward spec."""


class SpecError(ValueError):
    """A spec message that cannot be understood.

    Attributes:
        field: path of the offending field.
        message: what was expected and what came.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


# ---------------------------------------------------------------- durations and parameters


def duration_message(seconds: float, field: str) -> Duration:
    """A duration of ``seconds``; InvalidArgument where it is negative or not finite."""
    if not 0 <= seconds < 315_576_000_000:
        raise invalid(field, f"expected seconds >= 0, got {seconds!r}")
    whole = int(seconds)
    nanos = round((seconds - whole) * 1e9)
    return Duration(seconds=whole + nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)


def seconds_of(duration: Duration, field: str) -> float:
    """Seconds of a duration; SpecError where it is negative or out of range."""
    if duration.seconds < 0 or not 0 <= duration.nanos < 1_000_000_000:
        raise SpecError(field, "expected a duration that is not negative")
    return round(duration.seconds + duration.nanos / 1e9, 9)


def _params_text(params: Mapping[str, Json], field: str) -> str:
    if not params:
        return ""
    try:
        return json_text(params)
    except ValueError as error:
        raise invalid(field, str(error)) from error


def _params(text: str, field: str) -> Mapping[str, Json]:
    if not text:
        return {}
    try:
        value = parse_json(text)
    except ValueError as error:
        raise SpecError(field, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SpecError(field, f"expected an object, got {type(value).__name__}")
    return value


# ---------------------------------------------------------------- rewards


def reward_message(reward: spec.RewardSpec | str, path: str = "reward") -> run.RewardNode:
    """The message of a reward spec; a string is a leaf without parameters.

    Raises:
        InvalidArgument: bad parameters, a negative timeout, or nesting beyond :data:`MAX_NESTING`.
    """
    node = run.RewardNode()
    _fill_reward(node, spec.Leaf(reward) if isinstance(reward, str) else reward, path, 1)
    return node


def _fill_reward(node: run.RewardNode, reward: spec.RewardSpec, path: str, depth: int) -> None:
    _check(reward, path, depth)
    node.name = reward.name
    deeper = depth + 1
    if isinstance(reward, spec.Leaf):
        _fill_leaf(node.leaf, reward, f"{path}.leaf")
        if reward.of is not None:
            _fill_reward(node.leaf.of, reward.of, f"{path}.leaf.of", deeper)
    elif isinstance(reward, spec.WeightedSum):
        node.weighted_sum.SetInParent()
        for index, (weight, term) in enumerate(reward.terms):
            added = node.weighted_sum.terms.add(weight=weight)
            _fill_reward(added.reward, term, f"{path}.weighted_sum.terms[{index}].reward", deeper)
    elif isinstance(reward, spec.Product):
        node.product.SetInParent()
        for index, factor in enumerate(reward.factors):
            _fill_reward(node.product.factors.add(), factor, f"{path}.product.factors[{index}]", deeper)
    elif isinstance(reward, spec.Gate):
        node.gate.threshold, node.gate.otherwise = reward.threshold, reward.otherwise
        _fill_reward(node.gate.condition, reward.condition, f"{path}.gate.condition", deeper)
        _fill_reward(node.gate.then, reward.then, f"{path}.gate.then", deeper)
    elif isinstance(reward, spec.Ensemble):
        node.ensemble.kind = cast("run.EnsembleKind", reward.kind.value)
        node.ensemble.coefficient = reward.coefficient
        for index, member in enumerate(reward.members):
            _fill_reward(node.ensemble.members.add(), member, f"{path}.ensemble.members[{index}]", deeper)
    else:
        _fill_route(node.route, reward, path, deeper)


def _check(reward: object, path: str, depth: int) -> None:
    if depth > MAX_NESTING:
        raise invalid(path, f"nested deeper than {MAX_NESTING} levels")
    if not isinstance(reward, _REWARDS):
        raise invalid(path, f"expected a reward spec, got {type(reward).__name__}")


def _fill_leaf(leaf: run.RewardLeaf, reward: spec.Leaf, path: str) -> None:
    leaf.id = reward.id
    leaf.params_json = _params_text(reward.params, f"{path}.params")
    if reward.execution_timeout is not None:
        field = f"{path}.execution_timeout"
        leaf.execution_timeout.CopyFrom(duration_message(reward.execution_timeout, field))


def _fill_route(route: run.TaskTypeRoute, reward: spec.Route, path: str, depth: int) -> None:
    route.SetInParent()
    for task_type, member in reward.routes.items():
        _fill_reward(route.routes[task_type], member, f"{path}.route.routes[{task_type}]", depth)
    if reward.fallback is not None:
        _fill_reward(route.fallback, reward.fallback, f"{path}.route.fallback", depth)


def reward_from_message(node: run.RewardNode, path: str = "reward", depth: int = 1) -> spec.RewardSpec:
    """The reward spec of a message.

    Raises:
        SpecError: an unset node, parameters that are no JSON object, a negative duration, or deep nesting.
    """
    if depth > MAX_NESTING:
        raise SpecError(path, f"nested deeper than {MAX_NESTING} levels")
    kind = node.WhichOneof("node")
    here = f"{path}.{kind}"
    if kind == "leaf":
        return _leaf(node.leaf, node.name, here, depth + 1)
    if kind == "weighted_sum":
        terms = (
            (term.weight, reward_from_message(term.reward, f"{here}.terms[{index}].reward", depth + 1))
            for index, term in enumerate(node.weighted_sum.terms)
        )
        return spec.WeightedSum(_not_empty(tuple(terms), f"{here}.terms"), node.name)
    if kind == "product":
        factors = (
            reward_from_message(factor, f"{here}.factors[{index}]", depth + 1)
            for index, factor in enumerate(node.product.factors)
        )
        return spec.Product(_not_empty(tuple(factors), f"{here}.factors"), node.name)
    if kind == "gate":
        return _gate(node.gate, node.name, here, depth + 1)
    if kind == "ensemble":
        return _ensemble(node.ensemble, node.name, here, depth + 1)
    if kind == "route":
        return _route_from(node.route, node.name, here, depth + 1)
    raise SpecError(path, "expected leaf, weighted_sum, product, gate, ensemble or route; nothing is set")


def _not_empty(members: tuple[T, ...], path: str) -> tuple[T, ...]:
    if not members:
        raise SpecError(path, "expected at least one")
    return members


def _leaf(leaf: run.RewardLeaf, name: str, path: str, depth: int) -> spec.Leaf:
    if not leaf.id:
        raise SpecError(f"{path}.id", "expected a reward's id, e.g. math")
    timeout = None
    if leaf.HasField("execution_timeout"):
        timeout = seconds_of(leaf.execution_timeout, f"{path}.execution_timeout")
    of = reward_from_message(leaf.of, f"{path}.of", depth) if leaf.HasField("of") else None
    return spec.Leaf(leaf.id, _params(leaf.params_json, f"{path}.params"), name, timeout, of)


def _gate(gate: run.Gate, name: str, path: str, depth: int) -> spec.Gate:
    return spec.Gate(
        condition=reward_from_message(gate.condition, f"{path}.condition", depth),
        then=reward_from_message(gate.then, f"{path}.then", depth),
        threshold=gate.threshold if gate.HasField("threshold") else 1.0,
        otherwise=gate.otherwise,
        name=name,
    )


def _ensemble(ensemble: run.Ensemble, name: str, path: str, depth: int) -> spec.Ensemble:
    members = tuple(
        reward_from_message(member, f"{path}.members[{index}]", depth) for index, member in enumerate(ensemble.members)
    )
    kind = _enum(spec.EnsembleKind, ensemble.kind, spec.EnsembleKind.MIN, f"{path}.kind")
    return spec.Ensemble(_not_empty(members, f"{path}.members"), kind, ensemble.coefficient, name)


def _route_from(route: run.TaskTypeRoute, name: str, path: str, depth: int) -> spec.Route:
    routes = {
        task_type: reward_from_message(member, f"{path}.routes[{task_type}]", depth)
        for task_type, member in sorted(route.routes.items())
    }
    fallback = None
    if route.HasField("fallback"):
        fallback = reward_from_message(route.fallback, f"{path}.fallback", depth)
    if not routes and fallback is None:
        raise SpecError(f"{path}.routes", "expected at least one")
    return spec.Route(routes, fallback, name)


def _enum(kind: type[E], number: int, default: E, path: str) -> E:
    if number == 0:
        return default
    try:
        return kind(number)
    except ValueError as error:
        raise SpecError(path, f"unknown value {number}") from error


# ---------------------------------------------------------------- grouping, estimators, filters


def grouping_message(grouping: spec.Grouping) -> v1.GroupingSpec:
    """The message of a grouping."""
    message = v1.GroupingSpec(
        history_length=grouping.history_length, similarity_threshold=grouping.similarity_threshold
    )
    message.recipe = cast("v1.AnchorRecipe", grouping.recipe.value)
    message.similarity_order = cast("v1.SimilarityOrder", grouping.similarity_order.value)
    return message


def grouping_from_message(message: v1.GroupingSpec, path: str = "grouping") -> spec.Grouping:
    """The grouping of a message; unset fields mean what the contract says.

    Raises:
        SpecError: an unknown recipe or order, a negative history, a threshold outside (0, 1).
    """
    if message.history_length < 0:
        raise SpecError(f"{path}.history_length", f"expected >= 0, got {message.history_length}")
    threshold = message.similarity_threshold or 0.95
    if not 0.0 < threshold < 1.0:
        raise SpecError(f"{path}.similarity_threshold", f"expected a number in (0, 1), got {threshold}")
    return spec.Grouping(
        recipe=_enum(spec.AnchorRecipe, message.recipe, spec.AnchorRecipe.OBSERVATION, f"{path}.recipe"),
        history_length=message.history_length,
        similarity_threshold=threshold,
        similarity_order=_enum(
            spec.SimilarityOrder, message.similarity_order, spec.SimilarityOrder.SORTED, f"{path}.similarity_order"
        ),
    )


def estimator_message(estimator: spec.EstimatorChoice, path: str = "estimator") -> v1.EstimatorSpec:
    """The message of an estimator; InvalidArgument where its parameters are no JSON."""
    return v1.EstimatorSpec(id=estimator.id, params_json=_params_text(estimator.params, f"{path}.params"))


def estimator_from_message(message: v1.EstimatorSpec, path: str = "estimator") -> spec.EstimatorChoice:
    """The estimator of a message; SpecError where the id is empty or the parameters are no JSON object."""
    if not message.id:
        raise SpecError(f"{path}.id", "expected an estimator's id, e.g. advantage/grpo")
    return spec.EstimatorChoice(message.id, _params(message.params_json, f"{path}.params"))


def output_message(choice: spec.OutputChoice, path: str = "output") -> v1.OutputSpec:
    """The message of an output; InvalidArgument where its parameters are no JSON."""
    return v1.OutputSpec(id=choice.id, params_json=_params_text(choice.params, f"{path}.params"))


def output_from_message(message: v1.OutputSpec, path: str = "output") -> spec.OutputChoice:
    """The output of a message; SpecError where the id is empty or the parameters are no JSON object."""
    if not message.id:
        raise SpecError(f"{path}.id", "expected an output's id, e.g. pairs/siblings")
    return spec.OutputChoice(message.id, _params(message.params_json, f"{path}.params"))


def filter_message(choice: spec.FilterChoice, path: str = "filter") -> run.FilterSpec:
    """The message of a filter; InvalidArgument where its parameters are no JSON."""
    return run.FilterSpec(id=choice.id, params_json=_params_text(choice.params, f"{path}.params"))


def filter_from_message(message: run.FilterSpec, path: str = "filter") -> spec.FilterChoice:
    """The filter of a message; SpecError where the id is empty or the parameters are no JSON object."""
    if not message.id:
        raise SpecError(f"{path}.id", "expected a filter's id, e.g. select/mixed_outcome")
    return spec.FilterChoice(message.id, _params(message.params_json, f"{path}.params"))
