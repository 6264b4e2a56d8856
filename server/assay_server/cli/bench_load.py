"""``assay bench load``: open-loop load on a service, in steps."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random
from typing import Protocol

import typer

from assay_server.cli.connection import connected, tls_of_environment
from assay_server.cli.exit_codes import ExitCode
from assay_server.load.arrivals import Arrivals, offsets
from assay_server.load.driving import Target, drive
from assay_server.load.reporting import notes, step_json, table
from assay_server.load.stepping import Step, climb, rates
from assay_server.load.targets import Access


class Load(Protocol):
    """What can be asked of a service."""

    def opened(self, access: Access) -> AbstractAsyncContextManager[Target]:
        """Ready to be asked."""
        ...


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much, for how long.

    Attributes:
        duration: seconds of each step.
        latest: seconds that the 99th percentile may take; None = any.
    """

    rate: float
    duration: float
    steps: int
    factor: float
    latest: float | None
    arrivals: Arrivals
    seed: int


def put_load(load: Load, plan: LoadPlan, addresses: str | None, key: str | None, *, as_json: bool) -> int:
    """Put load on the service and print what it showed; the exit status.

    Raises:
        AssayError: the service cannot be reached, or refuses to begin.
    """
    if addresses is not None:
        steps = asyncio.run(_climbed(load, plan, Access(addresses, key, tls_of_environment()), as_json=as_json))
    else:
        with connected(None, None) as engine:
            steps = asyncio.run(_climbed(load, plan, Access(engine.target), as_json=as_json))
    if not as_json:
        for line in (*table(steps), *notes(steps)):
            typer.echo(line)
    return ExitCode.ITEM_ERRORS if any(step.tally.failed for step in steps) else ExitCode.OK


async def _climbed(load: Load, plan: LoadPlan, access: Access, *, as_json: bool) -> list[Step]:
    async with load.opened(access) as target:

        async def run(rate: float) -> Step:
            schedule = offsets(plan.arrivals, rate, plan.duration, Random(plan.seed))  # noqa: S311 - keeps no secret
            return Step(rate, plan.duration, await drive(target, schedule), plan.latest)

        def told(step: Step) -> None:
            if as_json:
                typer.echo(json.dumps(step_json(step)))

        return await climb(rates(plan.rate, plan.steps, plan.factor), run, told)
