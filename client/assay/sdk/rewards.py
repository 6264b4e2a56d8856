"""Declaring a sample-scope reward: a function of one sample."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, cast

from assay.sdk.declaring import check_declaration, checked_parameters, definition_text, digest_of
from assay.sdk.parameters import Parameter
from assay.sdk.samples import Score

SampleReward: TypeAlias = "Callable[..., Score | Awaitable[Score]]"
"""``(sample, **parameters) -> Score``, or ``(sample, ports, **parameters) -> Score``; may be a coroutine function
outside the inline lane. Raises :class:`assay.sdk.Unscorable` where there is no answer to give."""

QuickReward: TypeAlias = "Callable[..., Score | None]"
"""``(sample, **parameters) -> Score | None``: linear time, small text; None = this needs the reward itself."""


class Lane(Enum):
    """Where a reward runs: on the loop (linear time, small text), in a killable worker, as I/O, in a sandbox."""

    INLINE = 1
    CPU = 2
    IO = 3
    SANDBOX = 4


@dataclass(frozen=True, slots=True)
class RewardDefinition:
    """A reward with everything that is declared about it.

    Attributes:
        id: ``namespace/name-vN``.
        function: ``(sample, **parameters) -> Score``.
        quick: tried first, on the loop; takes the same parameters.
        wants_ports: the function takes ports after the sample.
        parameters: the keyword-only parameters of the function, typed.
        minimum: lowest value it can return with its default parameters; ``-inf`` where there is none.
        maximum: highest value; ``inf`` where there is none.
        binary: whether only the two bounds occur.
        aliases: short names, e.g. ``math``.
        required_signals: what the trainer must send for it.
        reference_keys: keys it reads from the reference.
        digest: sha256 of the function's source and declarations.
        parts: (component, lowest, highest) of the components that are declared, with default parameters.
    """

    id: str
    function: Callable[..., Score]
    quick: QuickReward | None
    wants_ports: bool
    parameters: tuple[Parameter, ...]
    minimum: float
    maximum: float
    binary: bool
    lane: Lane
    aliases: tuple[str, ...]
    required_signals: tuple[str, ...]
    reference_keys: tuple[str, ...]
    source: str
    deterministic: bool
    doc: str
    digest: str
    parts: tuple[tuple[str, float, float], ...] = ()


def reward(
    id: str,
    *,
    bounds: tuple[float, float],
    binary: bool = False,
    lane: Lane = Lane.INLINE,
    aliases: tuple[str, ...] = (),
    required_signals: tuple[str, ...] = (),
    reference_keys: tuple[str, ...] = (),
    source: str = "",
    deterministic: bool = True,
    quick: QuickReward | None = None,
    parts: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[SampleReward], RewardDefinition]:
    """Declare a function ``(sample, *, typed parameters) -> Score`` as a reward.

    ``parts`` bounds named components: a reward that is a vector declares each of its numbers.

    Raises:
        ValueError: the id, the bounds or the signature is not usable; the message shows the definition.
    """
    vector = tuple((name, float(low), float(high)) for name, (low, high) in sorted((parts or {}).items()))

    def declare(function: SampleReward) -> RewardDefinition:
        what = f"reward {id}"
        check_declaration(what, id, function, bounds, required_signals)
        for name, low, high in vector:
            check_declaration(f"{what}: part {name!r}", id, function, (low, high), ())
        ports = _wants_ports(function)
        parameters = checked_parameters(what, function, ("sample", "ports") if ports else ("sample",))
        problem = _lane_problem(function, lane, quick)
        if problem:
            raise ValueError(f"{what}: {problem}{definition_text(function)}")
        declared = f"{id}|{bounds}|{binary}|{lane.name}" + (f"|{vector}" if vector else "")
        return RewardDefinition(
            id=id,
            function=cast("Callable[..., Score]", function),  # a coroutine function is awaited where it runs
            quick=quick,
            wants_ports=ports,
            parameters=parameters,
            minimum=bounds[0],
            maximum=bounds[1],
            binary=binary,
            lane=lane,
            aliases=aliases,
            required_signals=required_signals,
            reference_keys=reference_keys,
            source=source,
            deterministic=deterministic,
            doc=inspect.getdoc(function) or "",
            digest=digest_of(declared, function, *(() if quick is None else (quick,))),
            parts=vector,
        )

    return declare


def _wants_ports(function: Callable[..., object]) -> bool:
    positional = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(positional) > 1 and positional[1] == "ports"


def _lane_problem(function: Callable[..., object], lane: Lane, quick: QuickReward | None) -> str:
    waits = inspect.iscoroutinefunction(function)
    if lane is Lane.CPU:
        return ""
    if lane is not Lane.INLINE:
        return "" if waits else f"in the {lane.name.lower()} lane it would hold up the server; make it an async def"
    if waits:
        return "a coroutine function cannot run in the inline lane; give it lane=Lane.IO"
    if _wants_ports(function):
        return "ports are not there in the inline lane; give it another lane"
    if quick is not None:
        return "quick comes before a function of another lane; in the inline lane the function itself is quick"
    return ""
