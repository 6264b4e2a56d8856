"""PluginService: what there is; running code that a request brings is refused until there is a place for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from assay.v1 import advantage_service_pb2 as advantage_wire
from assay.v1 import plugin_service_pb2 as wire
from assay.v1 import reward_service_pb2 as reward_wire
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.execution.plugin_records import PluginRecord
from assay_server.pipeline.failures import Code, Failure

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


class PluginCalls:
    """ListPlugins, CheckPlugin, RegisterPlugin."""

    def __init__(self, plugins: Sequence[PluginRecord]) -> None:
        self._infos = [_info(record) for record in plugins]
        self._by_id = {info.id: info for info in self._infos if not info.broken}

    async def list_plugins(self, _: Principal, data: bytes) -> wire.ListPluginsResponse:
        """Built-ins and plugins, the broken ones with the reason; of a broken one the kind is not known."""
        kind = parse(wire.ListPluginsRequest, data).kind
        listed = [info for info in self._infos if kind in (wire.PLUGIN_KIND_UNSPECIFIED, info.kind)]
        return wire.ListPluginsResponse(plugins=listed)

    async def check_plugin(self, _: Principal, data: bytes) -> wire.CheckPluginResponse:
        """Refused: the source in a request may run in the sandbox only."""
        parse(wire.CheckPluginRequest, data)
        raise _needs_sandbox("`assay plugin check FILE` checks it where its author works")

    async def register_plugin(self, _: Principal, data: bytes) -> wire.RegisterPluginResponse:
        """What is there already, under an id that the source declares; else refused: it may run in the sandbox only.

        Raises:
            Failure: ALREADY_EXISTS, PLUGIN_EXISTS; FAILED_PRECONDITION, SANDBOX_UNAVAILABLE.
        """
        request = parse(wire.RegisterPluginRequest, data)
        for plugin in dict.fromkeys(_DECLARED.findall(request.source)):
            held = self._by_id.get(plugin)
            if held is None:
                continue
            if held.digest and held.digest == request.expected_digest:
                return wire.RegisterPluginResponse(plugin=held)
            message = f"{plugin} exists with the digest {held.digest}; behaviour changes with the version in the id"
            raise Failure(Code.ALREADY_EXISTS, "PLUGIN_EXISTS", message, metadata={"digest": held.digest})
        raise _needs_sandbox("an operator can name the file with --plugin, or install it")


def _needs_sandbox(instead: str) -> Failure:
    message = f"code that a request brings needs the sandbox, which this version does not have; {instead}"
    return Failure(Code.FAILED_PRECONDITION, "SANDBOX_UNAVAILABLE", message)


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
