"""An environment that asks, with somebody who answers in this process: for the command line, which has no sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from assay.sdk import Json, Unscorable
from assay_server.environments.protocol import Asking, EnvironmentFault, ResetResult, StepResult
from assay_server.execution.outside import EverythingOutside
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

_TENANT = "local"


class AskedOutside:
    """Runs what actions ask for before they are taken; sandboxes start when first needed and end with the episode."""

    def __init__(self, environment: Asking) -> None:
        self._inner = environment
        self._runner: asyncio.Runner | None = None
        self._sandboxes = Sandboxes(SandboxSettings(), lambda _: None)
        self._outside = EverythingOutside(self._sandboxes)

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over, with a new interpreter."""
        if self._runner is not None:
            self._outside.forget(_TENANT, _TENANT)
        return self._inner.reset(seed, options)

    def step(self, action: str) -> StepResult:
        """Take an action, with the answers that it needs."""
        request = self._inner.request_for(action)
        if request:
            self._runner = self._runner or asyncio.Runner()
            try:
                answer = self._runner.run(self._outside.answer(_TENANT, _TENANT, request))
            except Unscorable as error:
                raise EnvironmentFault(error.message) from error
            self._inner.receive(answer)
        return self._inner.step(action)

    def anchor(self) -> str:
        """As the environment says."""
        return self._inner.anchor()

    def state_digest(self) -> str:
        """As the environment says."""
        return self._inner.state_digest()

    def admissible_actions(self) -> tuple[str, ...]:
        """As the environment says."""
        return self._inner.admissible_actions()

    def close(self) -> None:
        """Close the environment, and end the sandboxes."""
        self._inner.close()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            runner.run(self._end())
            runner.close()

    async def _end(self) -> None:
        await self._outside.close()
        await self._sandboxes.stop()
