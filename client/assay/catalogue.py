"""What can be named in a reward spec or as an estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from assay._text import parse_object
from assay.sdk.rewards import Lane
from assay.sdk.samples import Json
from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import reward_service_pb2 as rewards


@dataclass(frozen=True, slots=True)
class RewardInfo:
    """A reward as the service lists it.

    Attributes:
        id: ``namespace/name-vN``.
        digest: of its content; runs pin it.
        params_schema: JSON Schema of its parameters.
        broken_reason: why it cannot be used; empty where it can.
    """

    id: str
    digest: str
    summary: str
    doc: str
    params_schema: Mapping[str, Json]
    minimum: float
    maximum: float
    binary: bool
    lane: Lane | None
    required_signals: tuple[str, ...]
    reference_keys: tuple[str, ...]
    source: str
    deterministic: bool
    broken_reason: str

    @classmethod
    def of(cls, info: rewards.RewardInfo) -> RewardInfo:
        """From its message."""
        return cls(
            id=info.id,
            digest=info.digest,
            summary=info.summary,
            doc=info.doc,
            params_schema=parse_object(info.params_schema_json),
            minimum=info.min,
            maximum=info.max,
            binary=info.binary,
            lane=next((lane for lane in Lane if lane.value == info.lane), None),
            required_signals=tuple(info.required_signals),
            reference_keys=tuple(info.reference_keys),
            source=info.source,
            deterministic=info.deterministic,
            broken_reason=info.broken_reason if info.broken else "",
        )

    @property
    def bounded(self) -> bool:
        """Whether both bounds are finite."""
        return math.isfinite(self.minimum) and math.isfinite(self.maximum)


@dataclass(frozen=True, slots=True)
class EstimatorInfo:
    """An estimator as the service lists it.

    Attributes:
        scope: sample, group, batch or run: what is computed at a time.
        formula: in plain text.
        source: the paper it is from.
    """

    id: str
    digest: str
    summary: str
    doc: str
    params_schema: Mapping[str, Json]
    scope: str
    required_signals: tuple[str, ...]
    formula: str
    source: str

    @classmethod
    def of(cls, info: advantages.EstimatorInfo) -> EstimatorInfo:
        """From its message."""
        return cls(
            id=info.id,
            digest=info.digest,
            summary=info.summary,
            doc=info.doc,
            params_schema=parse_object(info.params_schema_json),
            scope=_SCOPES.get(int(info.scope), ""),
            required_signals=tuple(info.required_signals),
            formula=info.formula,
            source=info.source,
        )


_SCOPES = {1: "sample", 2: "group", 3: "batch", 4: "run"}
