"""Everything that can be named, as it is listed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from assay.sdk import Json, Lane, PluginDefinition, PluginKind, RewardDefinition
from assay.sdk.parameters import object_schema, parameters_of
from assay_server.environments.definition import EnvironmentDefinition, Replay
from assay_server.estimators import EstimatorDefinition
from assay_server.execution.catalogues import Catalogues, kind_of
from assay_server.execution.plugin_files import Definition
from assay_server.sampling.filters import FILTERS

BUILT_IN_PLACE = "assay"
_SCOPES = {
    PluginKind.GROUP_REWARD: "group",
    PluginKind.BATCH_REWARD: "batch",
    PluginKind.ESTIMATOR: "group",
    PluginKind.SELECTOR: "group",
    PluginKind.ENVIRONMENT: "",
}


class Origin(Enum):
    """Where a plugin comes from."""

    BUILT_IN = "built-in"
    ENTRY_POINT = "entry point"
    PATH = "path"
    RUN_TIME = "run time"


def _no_schema() -> Mapping[str, Json]:
    return {}


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """A plugin, or a built-in, as it is listed.

    Attributes:
        id: of a broken one, the name that it was looked for by.
        kind: ``reward``, ``estimator``, ...; empty where it is broken.
        origin: where it comes from.
        place: the file, or the installed distribution.
        broken: why it cannot be used; empty where it can.
        definition: of a broken one, the source at fault.
        parameters: JSON Schema of its parameters, or of an environment's options.
        lane: ``inline``, ``cpu``, ``io`` or ``sandbox``; empty where that is not its own to say.
        scope: ``sample``, ``group`` or ``batch``: what its values depend on; empty where it has none.
        bounds: of a reward, lowest and highest value.
    """

    id: str
    kind: str
    origin: Origin
    place: str
    digest: str = ""
    summary: str = ""
    broken: str = ""
    definition: str = ""
    parameters: Mapping[str, Json] = field(default_factory=_no_schema)
    lane: str = ""
    scope: str = ""
    deterministic: bool = True
    required_signals: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    doc: str = ""
    source: str = ""


def record_of(definition: Definition, origin: Origin, place: str) -> PluginRecord:
    """A definition as it is listed."""
    rewarding = isinstance(definition, RewardDefinition) or definition.kind.value.endswith("reward")
    laned = isinstance(definition, RewardDefinition) or definition.kind is not PluginKind.ENVIRONMENT
    return PluginRecord(
        id=definition.id,
        kind=kind_of(definition),
        origin=origin,
        place=place,
        digest=definition.digest,
        summary=definition.doc.partition("\n")[0],
        parameters=object_schema(definition.parameters),
        lane=definition.lane.name.lower() if laned else "",
        scope=_SCOPES[definition.kind] if isinstance(definition, PluginDefinition) else "sample",
        deterministic=definition.deterministic,
        required_signals=definition.required_signals,
        bounds=(definition.minimum, definition.maximum) if rewarding else None,
        doc=definition.doc,
        source=definition.source,
    )


def built_in_records(catalogues: Catalogues) -> list[PluginRecord]:
    """The built-ins of every kind."""
    return [
        *(record_of(one, Origin.BUILT_IN, BUILT_IN_PLACE) for one in catalogues.rewards.definitions()),
        *map(_estimator, (one for one in catalogues.estimators.definitions() if isinstance(one, EstimatorDefinition))),
        *map(_filter, sorted(FILTERS)),
        *map(_environment, catalogues.environments.definitions()),
    ]


def _estimator(definition: EstimatorDefinition) -> PluginRecord:
    return PluginRecord(
        id=definition.id,
        kind=PluginKind.ESTIMATOR.value,
        origin=Origin.BUILT_IN,
        place=BUILT_IN_PLACE,
        digest=definition.digest,
        summary=definition.summary,
        parameters=object_schema(definition.parameters),
        lane=Lane.INLINE.name.lower(),
        scope=definition.scope.value,
        required_signals=definition.required_signals,
        doc=definition.edges,
        source=definition.source,
    )


def _filter(id: str) -> PluginRecord:
    build = FILTERS[id]
    doc = inspect.getdoc(build) or ""
    return PluginRecord(
        id=id,
        kind=PluginKind.SELECTOR.value,
        origin=Origin.BUILT_IN,
        place=BUILT_IN_PLACE,
        digest=hashlib.sha256(f"{id}|{inspect.getsource(build)}".encode()).hexdigest(),
        summary=doc.partition("\n")[0],
        parameters=object_schema(parameters_of(build)),
        lane=Lane.INLINE.name.lower(),
        scope=_SCOPES[PluginKind.SELECTOR],
        doc=doc,
    )


def _environment(definition: EnvironmentDefinition) -> PluginRecord:
    return PluginRecord(
        id=definition.id,
        kind=PluginKind.ENVIRONMENT.value,
        origin=Origin.BUILT_IN,
        place=BUILT_IN_PLACE,
        digest=definition.digest,
        summary=definition.summary,
        parameters=definition.options,
        deterministic=definition.replay is Replay.PURE,
        doc=definition.doc,
    )
