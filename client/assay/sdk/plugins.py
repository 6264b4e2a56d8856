"""Declaring what works on finished groups: group and batch rewards, estimators, selectors; and environments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay.sdk.declaring import check_declaration, checked_parameters, definition_text, digest_of
from assay.sdk.parameters import Parameter
from assay.sdk.rewards import Lane
from assay.sdk.samples import Sample, Verdict

_NO_COMPONENTS: Mapping[str, float] = MappingProxyType({})
_NO_SIGNALS: Mapping[str, float | npt.NDArray[np.generic]] = MappingProxyType({})
_ENVIRONMENT_METHODS = ("reset", "step", "close", "anchor", "state_digest", "admissible_actions")
_UNBOUNDED = (float("-inf"), float("inf"))


def _no_components() -> Mapping[str, float]:
    return _NO_COMPONENTS


def _no_signals() -> Mapping[str, float | npt.NDArray[np.generic]]:
    return _NO_SIGNALS


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A scored rollout of a finished group.

    Attributes:
        reward: what the run's reward says of it, as far as that is known when the function is called; NaN where
            nothing is.
        components: the named parts of that reward.
        answer_key: equivalence class of its answer; empty = none.
        sample: the rollout itself, for group and batch rewards of a run; None elsewhere.
    """

    rollout_id: str
    reward: float
    verdict: Verdict = Verdict.UNSPECIFIED
    components: Mapping[str, float] = field(default_factory=_no_components)
    answer_key: str = ""
    num_tokens: int | None = None
    num_tool_calls: int | None = None
    signals: Mapping[str, float | npt.NDArray[np.generic]] = field(default_factory=_no_signals)
    sample: Sample | None = None


@dataclass(frozen=True, slots=True)
class FinishedGroup:
    """The members of one prompt that were scored and count, in order of ``rollout_id``."""

    group_id: str
    members: tuple[GroupMember, ...]
    prompt_id: str = ""
    global_step: int = 0


class PluginKind(Enum):
    """What a plugin is."""

    GROUP_REWARD = "group reward"
    BATCH_REWARD = "batch reward"
    ESTIMATOR = "estimator"
    SELECTOR = "selector"
    ENVIRONMENT = "environment"


GroupFunction: TypeAlias = "Callable[..., Sequence[float]]"
"""``(group, *, parameters) -> one number per member``, in the group's order."""

BatchFunction: TypeAlias = "Callable[..., Sequence[Sequence[float]]]"
"""``(groups, *, parameters) -> one number per member, per group``."""

SelectorFunction: TypeAlias = "Callable[..., str]"
"""``(group, *, parameters) -> why the group is dropped``; empty where it is kept."""

QuickFunction: TypeAlias = "Callable[..., object]"
"""Takes what the function takes, in linear time; None = the function itself is needed."""


@dataclass(frozen=True, slots=True)
class PluginDefinition:
    """Something other than a sample reward, with everything that is declared about it.

    Attributes:
        id: ``namespace/name-vN``.
        function: what is called; of an environment its class.
        quick: tried first, on the loop; takes the same parameters.
        parameters: its keyword-only parameters, typed.
        minimum: lowest number it gives; ``-inf`` where there is none.
        maximum: highest number; ``inf`` where there is none.
        required_signals: what the trainer must send for it.
        lane: on the loop, or in a process that can be killed.
        deterministic: equal groups give equal answers.
        digest: sha256 of the source and the declarations.
    """

    id: str
    kind: PluginKind
    function: Callable[..., object]
    quick: QuickFunction | None
    parameters: tuple[Parameter, ...]
    minimum: float
    maximum: float
    lane: Lane
    required_signals: tuple[str, ...]
    deterministic: bool
    source: str
    doc: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What a decorator was told."""

    kind: PluginKind
    id: str
    takes: str
    bounds: tuple[float, float] = _UNBOUNDED
    lane: Lane = Lane.INLINE
    required_signals: tuple[str, ...] = ()
    deterministic: bool = True
    source: str = ""
    quick: QuickFunction | None = None

    def of(self, function: Callable[..., object]) -> PluginDefinition:
        what = f"{self.kind.value} {self.id}"
        check_declaration(what, self.id, function, self.bounds, self.required_signals)
        if isinstance(function, type):
            parameters = _options_of(what, function)
        else:
            parameters = checked_parameters(what, function, (self.takes,))
        problem = self._problem(function)
        if problem:
            raise ValueError(f"{what}: {problem}{definition_text(function)}")
        declared = f"{self.kind.value}|{self.id}|{self.bounds}|{self.lane.name}|{self.required_signals}"
        return PluginDefinition(
            id=self.id,
            kind=self.kind,
            function=function,
            quick=self.quick,
            parameters=parameters,
            minimum=self.bounds[0],
            maximum=self.bounds[1],
            lane=self.lane,
            required_signals=self.required_signals,
            deterministic=self.deterministic,
            source=self.source,
            doc=inspect.getdoc(function) or "",
            digest=digest_of(declared, function, *(() if self.quick is None else (self.quick,))),
        )

    def _problem(self, function: Callable[..., object]) -> str:
        if inspect.iscoroutinefunction(function):
            return "it computes and waits for nothing: a plain function"
        if self.lane not in (Lane.INLINE, Lane.CPU):
            return f"it computes: lane INLINE or CPU, not {self.lane.name}"
        if self.quick is not None and self.lane is Lane.INLINE:
            return "quick comes before a function of the cpu lane; in the inline lane the function itself is quick"
        return ""


def _options_of(what: str, cls: type[object]) -> tuple[Parameter, ...]:
    made_by = cls.__init__
    return () if made_by is object.__init__ else checked_parameters(what, made_by, ("self",))


def group_reward(
    id: str,
    *,
    bounds: tuple[float, float],
    lane: Lane = Lane.CPU,
    required_signals: tuple[str, ...] = (),
    deterministic: bool = True,
    source: str = "",
    quick: QuickFunction | None = None,
) -> Callable[[GroupFunction], PluginDefinition]:
    """Declare ``(group, *, typed parameters) -> a value per member``, a reward that knows the member's group.

    It runs once the group is complete, before filters and estimator; see ``Leaf.of`` for what it is told as reward.

    Raises:
        ValueError: the id, the bounds or the signature is not usable; the message shows the definition.
    """
    kind = PluginKind.GROUP_REWARD
    return _Declaration(kind, id, "group", bounds, lane, required_signals, deterministic, source, quick).of


def batch_reward(
    id: str,
    *,
    bounds: tuple[float, float],
    lane: Lane = Lane.CPU,
    required_signals: tuple[str, ...] = (),
    deterministic: bool = True,
    source: str = "",
    quick: QuickFunction | None = None,
) -> Callable[[BatchFunction], PluginDefinition]:
    """Declare ``(groups, *, typed parameters) -> a value per member, per group``: it runs at the barrier.

    Raises:
        ValueError: as :func:`group_reward`.
    """
    kind = PluginKind.BATCH_REWARD
    return _Declaration(kind, id, "groups", bounds, lane, required_signals, deterministic, source, quick).of


def estimator(
    id: str,
    *,
    lane: Lane = Lane.CPU,
    required_signals: tuple[str, ...] = (),
    deterministic: bool = True,
    source: str = "",
) -> Callable[[GroupFunction], PluginDefinition]:
    """Declare ``(group, *, typed parameters) -> an advantage per member``.

    Raises:
        ValueError: as :func:`group_reward`.
    """
    return _Declaration(
        PluginKind.ESTIMATOR,
        id,
        "group",
        lane=lane,
        required_signals=required_signals,
        deterministic=deterministic,
        source=source,
    ).of


def selector(
    id: str,
    *,
    lane: Lane = Lane.CPU,
    required_signals: tuple[str, ...] = (),
    deterministic: bool = True,
    source: str = "",
) -> Callable[[SelectorFunction], PluginDefinition]:
    """Declare ``(group, *, typed parameters) -> why the group is dropped``, empty where it is kept.

    Raises:
        ValueError: as :func:`group_reward`.
    """
    return _Declaration(
        PluginKind.SELECTOR,
        id,
        "group",
        lane=lane,
        required_signals=required_signals,
        deterministic=deterministic,
        source=source,
    ).of


def environment(id: str, *, deterministic: bool = True, source: str = "") -> Callable[[type[object]], PluginDefinition]:
    """Declare a class as an environment; the keyword-only parameters of its ``__init__`` are its options.

    It has ``reset(seed, options)``, ``step(action)``, ``close()``, ``anchor()``, ``state_digest()`` and
    ``admissible_actions()``.

    Raises:
        ValueError: a method is missing, or as :func:`group_reward`.
    """

    def declare(cls: type[object]) -> PluginDefinition:
        missing = [name for name in _ENVIRONMENT_METHODS if not callable(getattr(cls, name, None))]
        if missing:
            where = f"\n  in {inspect.getmodule(cls)} as class {cls.__qualname__}"
            raise ValueError(f"environment {id}: it has no method {', '.join(missing)}{where}")
        declaration = _Declaration(PluginKind.ENVIRONMENT, id, "self", deterministic=deterministic, source=source)
        return declaration.of(cls)

    return declare
