"""What is promised of the processes of registered plugins, wherever they are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from assay_server.execution.cpu.channel import Outcome
from assay_server.execution.registered.declarations import Declaration
from assay_server.execution.registered.sources import PluginSource


class BrokenSource(Exception):
    """A plugin that cannot be loaded, or declares nothing that can be used; the message says why."""


class PluginProcesses(Protocol):
    """Asks plugins in sandboxes: in those of this server, or of a fleet's workers. Used from one event loop."""

    async def declared(self, tenant: str, source: PluginSource) -> Declaration:
        """What the plugin declares, in a process of its own.

        Raises:
            BrokenSource: it cannot be loaded. Busy, WorkerLost, SandboxUnavailable; JobFailed of a fleet's queue.
        """
        ...

    async def said(
        self, tenant: str, source: PluginSource, declaration: Declaration, question: Callable[[int], bytes]
    ) -> Outcome:
        """What the plugin says; ``question`` is made for a number. The clock of the item runs while the plugin does.

        Raises:
            Unscorable: it could not be asked, or the plugin is not what it was when it was registered.
        """
        ...

    def forget(self, tenant: str, source: PluginSource) -> None:
        """Have the next items run in processes that begin then."""
        ...

    async def close(self) -> None:
        """End all."""
        ...
