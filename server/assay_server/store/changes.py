"""What other processes did to a run: how a process that shares it hears of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

_Names: TypeAlias = dict[str, None]


class Inheritance(NamedTuple):
    """What a process that is gone had not done."""

    rollouts: Sequence[str]
    groups: Sequence[str]


@dataclass(slots=True)
class Changes:
    """What happened to a run since the last time. Sets are dictionaries, so that they have an order.

    Attributes:
        sequences: consumers that were given results: the last number of each.
        acknowledged: consumers that acknowledged results: up to which number.
        attached: consumers whose stream another process serves from now on.
        filled: groups that got members elsewhere.
        fixed: groups whose members were fixed elsewhere: closed, cut or aborted.
        emitted: groups whose result was stored, here or elsewhere.
        barriers: a barrier was sent or finished.
        restored: the run is in another generation.
        passed_on: work of processes that are gone, by who does it now.
        inherited: what of that is this process's: rollouts to answer, groups to emit.
        lease_ended: this process may write no more; its work is, or will be, another's.
    """

    sequences: dict[str, int] = field(default_factory=dict[str, int])
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    attached: _Names = field(default_factory=dict[str, None])
    filled: _Names = field(default_factory=dict[str, None])
    fixed: _Names = field(default_factory=dict[str, None])
    emitted: _Names = field(default_factory=dict[str, None])
    barriers: bool = False
    restored: bool = False
    passed_on: dict[str, list[Inheritance]] = field(default_factory=dict[str, "list[Inheritance]"])
    inherited: list[Inheritance] = field(default_factory=list["Inheritance"])
    lease_ended: bool = False


Listener: TypeAlias = Callable[[Changes], None]
"""Is told on the event loop, in order, and before any later operation of its own is answered."""
