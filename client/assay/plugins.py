"""Plugins of a service: what can be named, and what was found out about a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay._text import parse_object
from assay.sdk.samples import Json
from assay.v1 import plugin_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin, or a built-in, as the service lists it.

    Attributes:
        id: ``namespace/name-vN``.
        digest: of its content; runs pin it.
        kind: ``reward``, ``estimator``, ``selector`` or ``environment``; empty where it is broken.
        origin: where it comes from: ``built-in``, ``entry point``, ``path`` or ``run time``, and what place there.
        params_schema: JSON Schema of its parameters.
        broken_reason: why it cannot be used; empty where it can.
    """

    id: str
    digest: str
    kind: str
    origin: str
    summary: str
    doc: str
    params_schema: Mapping[str, Json]
    broken_reason: str

    @classmethod
    def of(cls, info: wire.PluginInfo) -> PluginInfo:
        """From its message."""
        return cls(
            id=info.id,
            digest=info.digest,
            kind=_KINDS.get(int(info.kind), ""),
            origin=info.origin,
            summary=info.summary,
            doc=info.doc,
            params_schema=parse_object(info.params_schema_json),
            broken_reason=info.broken_reason if info.broken else "",
        )


@dataclass(frozen=True, slots=True)
class PluginFinding:
    """What one check of a source found; ``explanation`` says what to do where it did not pass."""

    check: str
    passed: bool
    explanation: str

    @classmethod
    def of(cls, finding: wire.CheckFinding) -> PluginFinding:
        """From its message."""
        return cls(finding.check, finding.passed, finding.explanation)


_KINDS = {1: "reward", 2: "estimator", 3: "selector", 4: "environment"}
