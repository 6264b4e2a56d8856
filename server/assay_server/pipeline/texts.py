"""What the members of a group are beside their numbers, read again from the rollouts that were kept."""

from __future__ import annotations

from collections.abc import Sequence

from assay_server.pipeline.context import RunContext
from assay_server.pipeline.group_rewards import HeldMember, Texts
from assay_server.pipeline.intake import sample_of
from assay_server.pipeline.scoring import task_fields


async def texts_of(context: RunContext, held: Sequence[HeldMember]) -> Texts:
    """The members as rewards see rollouts.

    Raises:
        Failure: a task that one names is not there any more.
    """
    tenant = context.key.tenant
    rollouts = [one.rollout for one in held if one.rollout is not None]
    digests = [rollout.task_digest for rollout in rollouts if rollout.task_digest]
    if digests:
        await context.persist(lambda: context.tasks.load(tenant, digests))
    tasks = [context.tasks.get(tenant, one.task_digest) if one.task_digest else None for one in rollouts]
    return Texts(
        {one.rollout_id: sample_of(one, *task_fields(one, task)) for one, task in zip(rollouts, tasks, strict=True)},
        {one.rollout_id: one.task_type for one in rollouts},
    )
