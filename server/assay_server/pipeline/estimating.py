"""Advantages of finished groups, where an estimator, one of a plugin's included, may fail on one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from assay.sdk import FinishedGroup, Unscorable
from assay_server.estimators import AnyEstimator, Group, GroupAdvantages, InputError, PluggedEstimator
from assay_server.execution.group_lane import GroupLane, PluginCall
from assay_server.pipeline.failures import Failure, internal, invalid_field, of_unscorable

_log = structlog.get_logger(__name__)
_OFF_LOOP_STEPS = 20_000


async def advantages_of(
    lane: GroupLane, estimator: AnyEstimator, groups: Sequence[Group]
) -> list[GroupAdvantages | Failure]:
    """A result per group; one group's trouble, foreseen or not, is that group's result alone."""
    if isinstance(estimator, PluggedEstimator):
        return await _each_alone(lane, estimator, groups)
    steps = sum(len(member.steps) for group in groups for member in group.members)
    try:
        if steps > _OFF_LOOP_STEPS:
            return list(await asyncio.to_thread(estimator.advantages, groups))
        return list(estimator.advantages(groups))
    except Exception:  # noqa: BLE001 - as above
        return [_alone(estimator, group) for group in groups]


def _alone(estimator: AnyEstimator, group: Group) -> GroupAdvantages | Failure:
    assert not isinstance(estimator, PluggedEstimator)
    try:
        return estimator.advantages([group])[0]
    except InputError as error:
        return invalid_field(error.field, error.message)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("an estimator broke", estimator=estimator.id, group=group.group_id)
        return internal()


async def _each_alone(
    lane: GroupLane, estimator: PluggedEstimator, groups: Sequence[Group]
) -> list[GroupAdvantages | Failure]:
    return [
        one for ones in await asyncio.gather(*(_plugged(lane, estimator, group) for group in groups)) for one in ones
    ]


async def _plugged(lane: GroupLane, estimator: PluggedEstimator, group: Group) -> list[GroupAdvantages | Failure]:
    try:
        return await estimated_groups(lane, estimator, [group])
    except InputError as error:
        return [invalid_field(error.field, error.message)]


async def estimated_groups(
    lane: GroupLane, estimator: PluggedEstimator, groups: Sequence[Group]
) -> list[GroupAdvantages | Failure]:
    """What a plugin's estimator says of each group; a failure where it says nothing that can be used.

    Raises:
        InputError: what it needs is not there, or a reward is not finite.
    """
    call = PluginCall(estimator.definition, estimator.bound, estimator.id)
    said = await asyncio.gather(*(_numbers(lane, call, told) for told in estimator.told(groups)))
    return [
        numbers if isinstance(numbers, Failure) else estimator.results([group], numbers)[0]
        for group, numbers in zip(groups, said, strict=True)
    ]


async def _numbers(lane: GroupLane, call: PluginCall, told: FinishedGroup) -> Sequence[Sequence[float]] | Failure:
    if not told.members:
        return [[]]
    try:
        return await lane.numbers(call, [told])
    except Unscorable as error:
        return of_unscorable(error)
