"""Spans of a run's rollouts and groups.

A group is a trace, unless its rollouts came on behalf of a caller's span: then it is part of that one's trace. The ids
of a group's trace and span follow from its key, so that members which come to several servers are in one trace, all
servers sample alike, and the group's own span may be made where it is emitted.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache
from typing import NamedTuple

from .present import Attribute, Caller, OpenSpan
from .recording import RecordedSpan, Tracing, wall_ns

_MOST_GROUPS = 65_536
_MOST_CHARACTERS = 256


class _GroupIds(NamedTuple):
    trace_id: int
    span_id: int
    sampled: bool


class RunTraces:
    """Begins and ends the spans of one run in one generation."""

    def __init__(self, tracing: Tracing, tenant: str, run: str, generation: int) -> None:
        self._tracing = tracing
        self._named: dict[str, Attribute] = {"assay.tenant": tenant, "assay.run": run, "assay.generation": generation}
        self._salt = repr((tenant, run, generation)).encode()
        self._ids = lru_cache(8192)(self._derived)
        self._seen: dict[str, set[Caller | None]] = {}  # of groups that are sampled: on whose behalf members came

    def _derived(self, group_id: str) -> _GroupIds:
        digest = hashlib.blake2b(self._salt + group_id.encode(), digest_size=24).digest()
        trace_id = int.from_bytes(digest[:16]) or 1
        return _GroupIds(trace_id, int.from_bytes(digest[16:]) or 1, self._tracing.sampled(trace_id, "group"))

    def rollout(self, rollout_id: str, group_id: str, received: float, caller: Caller | None) -> OpenSpan | None:
        """The span of a rollout that came in at ``received`` (monotonic); None where it is not sampled."""
        if group_id:
            ids = self._ids(group_id)
            if caller is None and not ids.sampled:
                return None
            own = Caller(ids.trace_id, ids.span_id, sampled=True)
            parent, chosen = self._tracing.parent(caller or own, ids.span_id), (0, 0)
        elif caller is not None:
            parent, chosen = self._tracing.parent(caller), (0, 0)
        else:
            trace_id = random.getrandbits(128) or 1
            if not self._tracing.sampled(trace_id, "rollout"):
                return None
            parent, chosen = None, (trace_id, 0)
        attributes = {**self._named, "assay.rollout": rollout_id[:_MOST_CHARACTERS]}
        if group_id:
            attributes["assay.group"] = group_id[:_MOST_CHARACTERS]
        span = self._tracing.begin("rollout", parent, attributes, wall_ns(received), chosen)
        if span is not None and group_id:
            self._note(group_id, caller)
        return span

    def _note(self, group_id: str, caller: Caller | None) -> None:
        self._seen.setdefault(group_id, set()).add(caller)
        if len(self._seen) > _MOST_GROUPS:
            del self._seen[next(iter(self._seen))]

    def refused(self, rollout_id: str, group_id: str, received: float, caller: Caller | None, reason: str) -> None:
        """A rollout was not taken over."""
        span = self.rollout(rollout_id, group_id, received, caller)
        if span is not None:
            span.end(reason)

    def tells_of(self, group_id: str) -> bool:
        """Whether :meth:`emitted` would tell of this group."""
        return group_id in self._seen or self._ids(group_id).sampled

    def emitted(self, group_id: str, first_at: float, emitting_ns: int, attributes: dict[str, Attribute]) -> None:
        """A group was emitted, which began at ``first_at`` and was emitted from ``emitting_ns`` on, after the epoch."""
        seen = self._seen.pop(group_id, None)
        ids = self._ids(group_id)
        if seen is None:
            seen = {None} if ids.sampled else set[Caller | None]()
        said = {**self._named, "assay.group": group_id[:_MOST_CHARACTERS], **attributes}
        for caller in seen:
            parent = self._tracing.parent(caller)
            span = self._tracing.begin("group", parent, said, int(first_at * 1e9), ids[:2])
            if span is not None:
                _end_group(span, emitting_ns)


def _end_group(span: RecordedSpan, emitting_ns: int) -> None:
    span.child("group.emit", started_ns=emitting_ns).end()
    span.end()
