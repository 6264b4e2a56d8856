"""PluginService: what there is, and what tenants bring. What a request brings runs in the sandbox only."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from assay.v1 import advantage_service_pb2 as advantage_wire
from assay.v1 import plugin_service_pb2 as wire
from assay.v1 import reward_service_pb2 as reward_wire
from assay_sandbox.admission import Busy
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.api.sandbox_programs import refusal
from assay_server.audit import note_plugin
from assay_server.execution.lanes import Lanes
from assay_server.execution.plugin_records import PluginRecord
from assay_server.execution.queue.protocol import JobFailed
from assay_server.execution.registered.checks import checked
from assay_server.execution.registered.processes import BrokenSource
from assay_server.execution.registered.registry import IdTaken, Registry, Reserved, TooMany
from assay_server.execution.registered.sources import BadSource, PluginSource
from assay_server.pipeline.failures import Code, Failure, Violation, invalid, invalid_field

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_CHECK_SECONDS = 120.0

_KINDS: Mapping[str, wire.PluginKind] = {
    "reward": wire.PLUGIN_KIND_REWARD,
    "group reward": wire.PLUGIN_KIND_REWARD,
    "batch reward": wire.PLUGIN_KIND_REWARD,
    "estimator": wire.PLUGIN_KIND_ESTIMATOR,
    "selector": wire.PLUGIN_KIND_SELECTOR,
    "environment": wire.PLUGIN_KIND_ENVIRONMENT,
}

_LANES: Mapping[str, reward_wire.Lane] = {
    "inline": reward_wire.LANE_INLINE,
    "cpu": reward_wire.LANE_CPU,
    "io": reward_wire.LANE_IO,
    "sandbox": reward_wire.LANE_SANDBOX,
}
_SCOPES: Mapping[str, advantage_wire.Scope] = {
    "sample": advantage_wire.SCOPE_SAMPLE,
    "group": advantage_wire.SCOPE_GROUP,
    "batch": advantage_wire.SCOPE_BATCH,
}

_DECLARED = re.compile(
    r"^@(?:\w{1,60}\.){0,3}(?:reward|group_reward|batch_reward|estimator|selector|environment)"
    r"\(\s{0,80}[\"']([a-z0-9_/-]{1,200})[\"']",
    re.MULTILINE,
)
"""Ids that a source declares as its author writes them; it is read, not run."""


@dataclass(frozen=True, slots=True)
class RegisteredPlugins:
    """What tenants may bring, and where it is run."""

    registry: Registry
    lanes: Lanes


class PluginCalls:
    """ListPlugins, CheckPlugin, RegisterPlugin."""

    def __init__(self, plugins: Sequence[PluginRecord], registered: RegisteredPlugins | None = None) -> None:
        self._infos = [_info(record) for record in plugins]
        self._by_id = {info.id: info for info in self._infos if not info.broken}
        self._registered = registered

    async def list_plugins(self, principal: Principal, data: bytes) -> wire.ListPluginsResponse:
        """Built-ins, the operator's plugins and the tenant's, the broken ones with the reason; of a broken one the kind
        is not known."""
        kind = parse(wire.ListPluginsRequest, data).kind
        infos = list(self._infos)
        if self._registered is not None:
            infos += [_info(record) for record in await self._registered.registry.records(principal.tenant)]
        listed = [info for info in infos if kind in (wire.PLUGIN_KIND_UNSPECIFIED, info.kind)]
        return wire.ListPluginsResponse(plugins=listed)

    async def check_plugin(self, principal: Principal, data: bytes) -> wire.CheckPluginResponse:
        """What is found out about a source in the sandbox; nothing is registered.

        Raises:
            Failure: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, the sandboxes are busy; FAILED_PRECONDITION,
                SANDBOX_UNAVAILABLE; DEADLINE_EXCEEDED.
        """
        request = parse(wire.CheckPluginRequest, data)
        source = _source(request.source, request.object_name)
        there = self._there("`assay plugin check FILE` checks it where its author works")
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                definition = await _foreseen(there.registry.declared(principal.tenant, source))
                findings = await _foreseen(
                    checked(there.lanes, definition, lambda: there.registry.renew(principal.tenant, source))
                )
        except TimeoutError:
            message = f"the checks are not done after {_CHECK_SECONDS:g} s: the plugin takes too long"
            raise Failure(Code.DEADLINE_EXCEEDED, "CHECK_TIMEOUT", message, retryable=False) from None
        except Failure as failure:
            if failure.reason != "PLUGIN_BROKEN":
                raise
            loading = wire.CheckFinding(check="loading", passed=False, explanation=failure.message)
            return wire.CheckPluginResponse(findings=[loading], error=failure.to_status())
        found = [wire.CheckFinding(check=one.check, passed=one.passed, explanation=one.explanation) for one in findings]
        return wire.CheckPluginResponse(findings=found)

    async def register_plugin(self, principal: Principal, data: bytes) -> wire.RegisterPluginResponse:
        """Have the tenant's runs know what a source declares. What is there already with this digest is answered.

        Raises:
            Failure: ALREADY_EXISTS, PLUGIN_EXISTS; INVALID_ARGUMENT, PLUGIN_BROKEN, PLUGIN_RESERVED;
                FAILED_PRECONDITION, SANDBOX_UNAVAILABLE, DIGEST_DIFFERS; RESOURCE_EXHAUSTED, the sandboxes are busy,
                PLUGIN_LIMIT.
        """
        request = parse(wire.RegisterPluginRequest, data)
        source = _source(request.source, request.object_name)
        held = self._held(request)
        if held is not None:
            return wire.RegisterPluginResponse(plugin=held)
        there = self._there("an operator can name the file with --plugin, or install it")
        if request.expected_digest and request.expected_digest != source.digest:
            message = f"the source has the digest {source.digest}, another one than was expected"
            raise Failure(Code.FAILED_PRECONDITION, "DIGEST_DIFFERS", message, metadata={"digest": source.digest})
        record = await _foreseen(there.registry.register(principal.tenant, source))
        note_plugin(f"{record.id}@{record.digest}")
        _log.info("a plugin is registered", plugin=record.id, digest=record.digest, principal=principal.name)
        return wire.RegisterPluginResponse(plugin=_info(record))

    def _held(self, request: wire.RegisterPluginRequest) -> wire.PluginInfo | None:
        """What the server has of its own under an id that the source declares, where it is what is asked for.

        Raises:
            Failure: ALREADY_EXISTS, PLUGIN_EXISTS.
        """
        for plugin in dict.fromkeys(_DECLARED.findall(request.source)):
            held = self._by_id.get(plugin)
            if held is None:
                continue
            if held.digest and held.digest == request.expected_digest:
                return held
            raise _exists(str(IdTaken(plugin, held.digest)), held.digest)
        return None

    def _there(self, instead: str) -> RegisteredPlugins:
        if self._registered is None:
            message = f"code that a request brings needs a sandbox of this server's own, and it has none; {instead}"
            raise Failure(Code.FAILED_PRECONDITION, "SANDBOX_UNAVAILABLE", message)
        return self._registered


def _source(text: str, object_name: str) -> PluginSource:
    """Raises Failure where it can be none."""
    source = PluginSource(text, object_name)
    try:
        source.check()
    except BadSource as error:
        raise invalid_field(error.field, str(error)) from error
    return source


async def _foreseen(work: Awaitable[T]) -> T:
    """The result; what is foreseen as a Failure."""
    try:
        return await work
    except BrokenSource as error:
        raise invalid(str(error), [Violation("source", str(error))], "PLUGIN_BROKEN") from error
    except Reserved as error:
        raise invalid(str(error), [Violation("source", str(error))], "PLUGIN_RESERVED") from error
    except IdTaken as error:
        raise _exists(str(error), error.digest) from error
    except TooMany as error:
        raise Failure(Code.RESOURCE_EXHAUSTED, "PLUGIN_LIMIT", str(error), retryable=False) from error
    except (Busy, WorkerLost, SandboxUnavailable, JobFailed) as error:
        raise refusal(error) from error


def _exists(message: str, digest: str) -> Failure:
    return Failure(Code.ALREADY_EXISTS, "PLUGIN_EXISTS", message, metadata={"digest": digest})


def _info(record: PluginRecord) -> wire.PluginInfo:
    return wire.PluginInfo(
        id=record.id,
        digest=record.digest,
        kind=_KINDS.get(record.kind, wire.PLUGIN_KIND_UNSPECIFIED),
        origin=f"{record.origin.value}: {record.place}",
        summary=record.summary,
        broken=bool(record.broken),
        broken_reason=record.broken,
        definition=record.definition,
        params_schema_json=json.dumps(dict(record.parameters), sort_keys=True) if not record.broken else "",
        lane=_LANES.get(record.lane, reward_wire.LANE_UNSPECIFIED),
        deterministic=record.deterministic and not record.broken,
        scope=_SCOPES.get(record.scope, advantage_wire.SCOPE_UNSPECIFIED),
        required_signals=record.required_signals,
        min=record.bounds[0] if record.bounds else 0.0,
        max=record.bounds[1] if record.bounds else 0.0,
        doc=record.doc,
        source=record.source,
    )
