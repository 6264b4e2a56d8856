"""Jobs of registered plugins, as JSON, and what a worker does with them: it keeps their processes as a server does.

A plugin is named by the digest of its source and declaration. A short one comes with every job; a longer one only to a
worker that says it does not know it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping, Sequence
from typing import cast

from assay.sdk import Json, Unscorable
from assay_sandbox.admission import Busy
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost
from assay_server.execution.cpu.channel import HEADER, BadReport, Outcome, Report, decode_report, encode_report
from assay_server.execution.item_clock import ItemClock
from assay_server.execution.registered.declarations import Declaration, read_declaration, write_declaration
from assay_server.execution.registered.hosts import PluginHosts
from assay_server.execution.registered.plain import renumbered
from assay_server.execution.registered.processes import BrokenSource
from assay_server.execution.registered.registry import Registered
from assay_server.execution.registered.sources import PluginSource

from .kinds import Kinds

_DECLARED, _ASKED = "declared plugin", "asked plugin"
_JOB_SECONDS = 0.5
"""After which a worker begins no further item of a job: those behind a slow one are not to wait for many slow ones."""
_KNOWN_BYTES = 64 << 20
_MOST_ROUNDS = 1024


# ---------------------------------------------------------------- what goes over the queue


def declared_job(source: PluginSource) -> bytes:
    """Has a worker say what the source declares."""
    return json.dumps({_DECLARED: [source.text, source.object_name]}).encode()


def read_declared(answer: bytes) -> Declaration:
    """The answer to :func:`declared_job`.

    Raises:
        BrokenSource, Busy, WorkerLost, SandboxUnavailable: as the worker met them.
    """
    body = cast("Mapping[str, str]", json.loads(answer))
    if "declaration" in body:
        return read_declaration(body["declaration"].encode())
    if "broken" in body:
        raise BrokenSource(body["broken"])
    if "busy" in body:
        after, quota = cast("tuple[float, bool]", body["busy"])
        what = "the tenant's quota at a worker is used up" if quota else "a worker's sandboxes are taken"
        raise Busy(after, what, by_quota=quota)
    if "unavailable" in body:
        raise SandboxUnavailable(body["unavailable"])
    raise WorkerLost(body["lost"])


def digest_of(plugin: bytes) -> str:
    """The name of a plugin as :meth:`Registered.encode` writes it."""
    return hashlib.sha256(plugin).hexdigest()


def asked_job(digest: str, plugin: bytes | None, fresh: str, items: Sequence[tuple[float, str]]) -> bytes:
    """Has a worker ask a plugin.

    Args:
        plugin: as it is stored; None = the worker is expected to know it.
        fresh: where not empty, processes that have begun since the worker first met this word.
        items: seconds that each may run, and the question.
    """
    text = None if plugin is None else plugin.decode()
    return json.dumps({_ASKED: digest, "plugin": text, "fresh": fresh, "items": items}).encode()


def read_answers(answer: bytes) -> list[Outcome | None] | None:
    """The answers to :func:`asked_job`, None for items that were not begun; None where the plugin is not known.

    Raises:
        BadReport: it is something else.
    """
    body = cast("Mapping[str, list[str | None]]", json.loads(answer))
    if "answers" not in body:
        return None
    return [None if text is None else _outcome(text) for text in body["answers"]]


def _outcome(text: str) -> Outcome:
    outcome = decode_report(text.encode()).outcome
    if outcome is None:
        raise BadReport("an answer without an outcome")
    return outcome


# ---------------------------------------------------------------- what a worker does


def plugin_jobs(hosts: PluginHosts) -> Kinds:
    """What a worker does with jobs of registered plugins."""
    asking = _Asking(hosts)
    return {_DECLARED: asking.declared, _ASKED: asking.asked}


class _Asking:
    """A worker's side: what it knows of plugins, tenant by tenant."""

    def __init__(self, hosts: PluginHosts) -> None:
        self._hosts = hosts
        self._known: OrderedDict[tuple[str, str], tuple[Registered, int]] = OrderedDict()
        self._bytes = 0
        self._fresh: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def declared(self, tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
        text, object_name = cast("list[str]", job[_DECLARED])
        try:
            declaration = await self._hosts.declared(tenant, PluginSource(text, object_name))
        except BrokenSource as error:
            return {"broken": str(error)}
        except Busy as busy:
            return {"busy": [busy.retry_after, busy.by_quota]}
        except SandboxUnavailable as error:
            return {"unavailable": str(error)}
        except WorkerLost as error:
            return {"lost": str(error)}
        return {"declaration": write_declaration(declaration)}

    async def asked(self, tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
        """One item after the other, in this job's one slot; none is begun that would only stand in the tenant's way."""
        plugin = self._plugin(tenant, cast("str", job[_ASKED]), cast("str | None", job["plugin"]))
        if plugin is None:
            return {"unknown": True}
        self._renew(tenant, plugin.source, cast("str", job["fresh"]))
        answers: list[str | None] = []
        began = time.monotonic()
        for seconds, question in cast("list[tuple[float, str]]", job["items"]):
            late = bool(answers) and time.monotonic() - began > _JOB_SECONDS
            if late or not self._hosts.has_room(tenant):
                answers.append(None)
                continue
            outcome = await self._said(tenant, plugin, question.encode(), seconds)
            answers.append(encode_report(Report(len(answers), outcome))[HEADER.size :].decode())
        return {"answers": answers}

    def _plugin(self, tenant: str, digest: str, text: str | None) -> Registered | None:
        key = (tenant, digest)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key][0]
        if text is None:
            return None
        stored = text.encode()
        if digest_of(stored) != digest:
            raise ValueError("a plugin with another one's digest")
        plugin = Registered.decode(stored)
        self._known[key] = (plugin, len(stored))
        self._bytes += len(stored)
        while self._bytes > _KNOWN_BYTES:
            self._bytes -= self._known.popitem(last=False)[1][1]
        return plugin

    def _renew(self, tenant: str, source: PluginSource, fresh: str) -> None:
        key = (tenant, source.digest)
        if not fresh or self._fresh.get(key) == fresh:
            return
        self._hosts.forget(tenant, source)
        self._fresh[key] = fresh
        self._fresh.move_to_end(key)
        while len(self._fresh) > _MOST_ROUNDS:
            self._fresh.popitem(last=False)

    async def _said(self, tenant: str, plugin: Registered, question: bytes, seconds: float) -> Outcome:
        work = self._hosts.said(tenant, plugin.source, plugin.declaration, lambda number: renumbered(question, number))
        try:
            return await _within(seconds, work)
        except Unscorable as error:
            return error


async def _within(seconds: float, work: Coroutine[None, None, Outcome]) -> Outcome:
    """What the item says in its time, in which its process was at work. Raises Unscorable."""
    clock = ItemClock(seconds)
    task = clock.begin(work, "registered plugin's item")
    try:
        if not await clock.until_done(task):
            message = f"not done within {seconds:g} s of execution"
            return Unscorable("DEADLINE_EXCEEDED", message, retryable=True)
        return cast("Outcome", task.result())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # then its slot is free for the next one
