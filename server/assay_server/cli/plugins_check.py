"""What ``assay plugin check`` finds out about rewards, which run in processes that can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from assay.sdk import RewardDefinition, Sample
from assay_server.execution.cpu.jobs import Ran
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.execution.plugin_checks import CHECK_SECONDS, Finding, RewardCheck, Said

_MEMORY_BYTES = 1 << 30


def check_rewards(plugin: str, definitions: Sequence[RewardDefinition]) -> list[Finding]:
    """Everything that can be found out about the rewards of a plugin without data of its author's."""
    return asyncio.run(_findings(plugin, [RewardCheck(definition) for definition in definitions]))


async def _findings(plugin: str, checks: Sequence[RewardCheck]) -> list[Finding]:
    # Two processes: what depends on the order of a set, or on what ran before, differs between them.
    rounds: list[list[dict[str, list[Said]]]] = []
    for _ in range(2):
        pool = CpuPool(1, TemplateSetup((plugin,), (), _MEMORY_BYTES), CHECK_SECONDS)
        pool.launch()
        await pool.start()

        async def run(
            definition: RewardDefinition, bound: Mapping[str, object], sample: Sample, pool: CpuPool = pool
        ) -> Ran:
            return await pool.run(definition.id, definition.id, bound, sample, CHECK_SECONDS)

        try:
            rounds.append([await check.outcomes(run) for check in checks])
        finally:
            await pool.stop()
    return [one for check, *said in zip(checks, *rounds, strict=True) for one in check.findings(*said)]
