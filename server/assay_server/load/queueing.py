"""Requests that wait for one of several servers, first come, first served. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def completions(arrivals: Sequence[float], work: Sequence[float], servers: int) -> list[float]:
    """When each request is done: it waits until one of the servers is free, then takes as long as its work.

    Args:
        arrivals: seconds, ascending.
        work: seconds of each.

    Raises:
        ValueError: no server, or not as much work as arrivals.
    """
    if servers < 1 or len(arrivals) != len(work):
        raise ValueError("expected a server at least, and work for each arrival")
    free = [0.0] * min(servers, max(1, len(arrivals)))
    done: list[float] = []
    for at, seconds in zip(arrivals, work, strict=True):
        end = max(at, free[0]) + seconds
        heapq.heapreplace(free, end)
        done.append(end)
    return done
