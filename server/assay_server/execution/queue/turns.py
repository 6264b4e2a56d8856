"""Whose turn it is: classes by their weight, and within a class one tenant after the other. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from .protocol import Priority

Q = TypeVar("Q", bound=Hashable)


class Turns(Generic[Q]):
    """A rotation over queues, in which none is passed over for ever."""

    def __init__(self) -> None:
        self._queues: dict[Priority, deque[Q]] = {priority: deque() for priority in Priority}
        self._left = {priority: priority.value for priority in Priority}

    def set_queues(self, queues: Iterable[tuple[Priority, Q]]) -> None:
        """The queues that there are; those that were there keep their places."""
        wanted = dict.fromkeys(queues)
        for priority, known in self._queues.items():
            kept = deque(queue for queue in known if (priority, queue) in wanted)
            kept.extend(queue for its, queue in wanted if its is priority and queue not in known)
            self._queues[priority] = kept

    def order(self) -> list[Q]:
        """All queues, the one whose turn it is first: heavier classes more often, tenants of a class in turns."""
        first = [priority for priority in Priority if self._left[priority] > 0 and self._queues[priority]]
        rest = [priority for priority in Priority if priority not in first]
        return [queue for priority in (*first, *rest) for queue in self._queues[priority]]

    def served(self, priority: Priority, queue: Q) -> None:
        """A job of this queue was begun."""
        self._left[priority] -= 1
        known = self._queues[priority]
        if queue in known:
            known.remove(queue)
            known.append(queue)
        if all(self._left[each] <= 0 or not self._queues[each] for each in Priority):
            self._left = {each: each.value for each in Priority}

    def idle(self) -> None:
        """No queue had anything: nobody owes anybody a turn."""
        self._left = {each: each.value for each in Priority}
