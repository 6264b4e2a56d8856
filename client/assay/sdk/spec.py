"""A run's reward, grouping and estimator as plain values: what a researcher writes and the server compiles.

A reward spec is a tree. Leaves name rewards; nodes combine them::

    Gate(condition=Leaf("reward/format_tags"), then=Leaf("math"), otherwise=-1.0)
    WeightedSum(((1.0, Leaf("math")), (0.2, Leaf("reward/cosine_length", {"max_length": 4096}))))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from assay.sdk.samples import Json

Params: TypeAlias = Mapping[str, Json]


def _no_params() -> Params:
    return {}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A reward by id.

    Attributes:
        name: component name; the id as written where empty.
        execution_timeout: seconds, from the start of the work; None = the reward's own.
        of: what a group or batch reward is told as each member's reward; None = what of the whole spec is known when
            it runs.
    """

    id: str
    params: Params = field(default_factory=_no_params)
    name: str = ""
    execution_timeout: float | None = None
    of: RewardSpec | None = None


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """``sum(weight * reward)``; terms are (weight, reward) pairs."""

    terms: tuple[tuple[float, RewardSpec], ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """The product of its factors."""

    factors: tuple[RewardSpec, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """``then`` where ``condition >= threshold``, else ``otherwise``."""

    condition: RewardSpec
    then: RewardSpec
    threshold: float = 1.0
    otherwise: float = 0.0
    name: str = ""


class EnsembleKind(Enum):
    """How an ensemble is reduced; the variance is the population variance."""

    MIN = 1
    MEAN_MINUS_VARIANCE = 2


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Several rewards of the same thing; their disagreement (population variance) is returned as a component."""

    members: tuple[RewardSpec, ...]
    kind: EnsembleKind = EnsembleKind.MIN
    coefficient: float = 1.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A reward per task type; without a fallback an unknown task type cannot be scored."""

    routes: Mapping[str, RewardSpec]
    fallback: RewardSpec | None = None
    name: str = ""


RewardSpec: TypeAlias = "Leaf | WeightedSum | Product | Gate | Ensemble | Route"


class AnchorRecipe(Enum):
    """What of a step's anchor makes its group key."""

    OBSERVATION = 1
    OBSERVATION_AND_INVENTORY = 2
    STATE_DIGEST = 3
    STATE_AND_HISTORY = 4
    TEXT_SIMILARITY = 5


class SimilarityOrder(Enum):
    """Order in which texts are taken for similarity groups: sorted distinct texts, or arrival (parity)."""

    SORTED = 1
    ARRIVAL = 2


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the steps of a group are put into step groups.

    Attributes:
        history_length: previous anchors in the key, for STATE_AND_HISTORY.
        similarity_threshold: strictly between 0 and 1, for TEXT_SIMILARITY.
    """

    recipe: AnchorRecipe = AnchorRecipe.OBSERVATION
    history_length: int = 0
    similarity_threshold: float = 0.95
    similarity_order: SimilarityOrder = SimilarityOrder.SORTED


@dataclass(frozen=True, slots=True)
class EstimatorChoice:
    """An estimator by id (``advantage/gigpo``) with its parameters."""

    id: str
    params: Params = field(default_factory=_no_params)


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """A filter of finished groups by id (``select/mixed_outcome``) with its parameters."""

    id: str
    params: Params = field(default_factory=_no_params)


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """What else is told of finished groups, by id (``pairs/siblings``, ``token/conflict_weights``)."""

    id: str
    params: Params = field(default_factory=_no_params)
