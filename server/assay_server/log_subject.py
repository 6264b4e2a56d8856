"""What a line of the log is about: the run, the group, the rollout that the present task works on."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import Context, ContextVar, copy_context

_RUN: ContextVar[tuple[str, str]] = ContextVar("present run", default=("", ""))
_ITEM: ContextVar[tuple[str, str]] = ContextVar("present item", default=("", ""))


def context_of_run(tenant: str, run_id: str) -> Context:
    """A context for tasks that work on this run, whoever begins them."""
    context = copy_context()
    context.run(_RUN.set, (tenant, run_id))
    return context


def name_item(rollout_id: str, group_id: str) -> None:
    """Say on which rollout, or group, this task works from now on; empty = on none."""
    _ITEM.set((rollout_id, group_id))


def name_subject(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A processor of structlog: adds tenant, run, group and rollout, where the line does not have them already."""
    tenant, run = _RUN.get()
    rollout, group = _ITEM.get()
    for name, value in (("tenant", tenant), ("run", run), ("group", group), ("rollout", rollout)):
        if value:
            event.setdefault(name, value)
    return event
