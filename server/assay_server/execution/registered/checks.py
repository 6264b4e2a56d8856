"""What is found out about a plugin that a request brings: it is asked in the sandbox, and judged here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from assay.sdk import PluginDefinition, PluginKind, RewardDefinition, Sample, Unscorable
from assay_server.execution.cpu.jobs import Ran
from assay_server.execution.group_lane import PluginCall
from assay_server.execution.lanes import Lanes
from assay_server.execution.plugin_checks import (
    CHECK_SECONDS,
    Finding,
    RewardCheck,
    Said,
    bound_examples,
    example_group,
)
from assay_server.execution.plugin_files import Definition
from assay_server.rewards.tree import bind_leaf

_SIZES = (0, 1, 2, 8)
_ROUNDS = 2


async def checked(lanes: Lanes, definition: Definition, renew: Callable[[], None]) -> list[Finding]:
    """Findings, check by check.

    Args:
        renew: has the next call made in another process: what depends on the order of a set differs there.
    """
    if isinstance(definition, PluginDefinition):
        return await _checked_on_groups(lanes, definition, renew)

    async def run(_: RewardDefinition, bound: Mapping[str, object], sample: Sample) -> Ran:
        began = time.monotonic()
        score = await lanes.said(bind_leaf(definition, bound, definition.id, CHECK_SECONDS), sample)
        return Ran(score, 0.0, time.monotonic() - began)

    check = RewardCheck(definition)
    rounds: list[dict[str, list[Said]]] = []
    for _ in range(_ROUNDS):
        renew()
        rounds.append(await check.outcomes(run))
    return check.findings(*rounds)


async def _checked_on_groups(lanes: Lanes, definition: PluginDefinition, renew: Callable[[], None]) -> list[Finding]:
    declared = f"{definition.kind.value} with {len(definition.parameters)} parameters"
    problem = await _group_problem(lanes, definition, renew)
    sizes = ", ".join(map(str, _SIZES))
    fine = f"a valid answer for groups of {sizes} members, equal in {_ROUNDS} processes"
    return [
        Finding(definition.id, "declaration", True, declared),
        Finding(definition.id, "groups", not problem, problem or fine),
    ]


async def _group_problem(lanes: Lanes, definition: PluginDefinition, renew: Callable[[], None]) -> str:
    bounds = (definition.minimum, definition.maximum)
    call = PluginCall(
        definition, bound_examples(definition.parameters), definition.id, bounds, execution_timeout=CHECK_SECONDS
    )
    seen: dict[int, str] = {}
    for _ in range(_ROUNDS):
        renew()
        for size in _SIZES:
            try:
                said = await _said(lanes, call, size)
            except Unscorable as error:
                return f"a group of {size} members: {error.reason} ({error.message})"
            if definition.deterministic and seen.setdefault(size, said) != said:
                return f"a group of {size} members: equal groups got different answers: {seen[size]} and {said}"
    return ""


async def _said(lanes: Lanes, call: PluginCall, size: int) -> str:
    group = example_group(size)
    if call.definition.kind is PluginKind.SELECTOR:
        return repr(await lanes.groups.reason(call, group))
    return repr(await lanes.groups.numbers(call, [group]))[:300]
