"""What a forked child must not touch: gRPC objects of its parent, and locks that a lost thread may hold."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """An object with state that belongs to one process."""

    def after_fork_in_child(self) -> None:
        """Forget everything that belongs to the parent; called in the child before anything else runs."""
        ...


_known: weakref.WeakSet[Forkable] = weakref.WeakSet()
_abandoned: list[object] = []


def watch_forks(owner: Forkable) -> None:
    """Call ``owner.after_fork_in_child()`` in every forked child, as long as ``owner`` lives."""
    _known.add(owner)


def abandon(parents: object) -> None:
    """Keep an object of the parent for ever: its destructor would reach for threads that a child does not have."""
    _abandoned.append(parents)


def _in_child() -> None:
    for owner in list(_known):
        owner.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
