"""Estimators that look at how much the answers of a group agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, Scope, estimator, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.relative import Centre, Relative, Scale


@estimator(
    "advantage/semantic_entropy_scaled-v1",
    formula="A f(alpha SE / ln G), SE = -sum p_c ln p_c over the answer classes of the group; f(x) = 1-x, exp(-x) or "
    "(1-x)^power",
    edges="G = 1: scale 1. Each answer that could not be extracted is a class of its own. A negative 1-x: refused.",
    source="SEED-GRPO",
    reads=("answer_key",),
    verify="the three shapes of f",
)
def semantic_entropy_scaled(
    *,
    alpha: float = 0.02,
    form: Literal["linear", "exponential", "focal"] = "linear",
    power: float = 2.0,
    base: Literal["mean_only", "grpo"] = "mean_only",
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Method:
    """Advantages made smaller where the answers of a group disagree."""
    require(alpha >= 0.0, "alpha", "a number >= 0", alpha)
    require(power >= 0.0, "power", "a number >= 0", power)
    require_scale(eps)
    return SemanticEntropyScaled(alpha, form, power, _base(base, ddof, eps))


@estimator(
    "advantage/consistency_blend-v1",
    scope=Scope.BATCH,
    formula="w A_local + (1-w) A_global; A_local = GRPO, A_global = (g - mean) / (std + eps) of the group means g over "
    "the batch; w = sigmoid(k (H - b)), H = entropy of the group's answers in bits",
    edges="consistency_coef: g times 1 - H (1-1/G) / log2 G. One group, or all g equal: A_global = 0. Unextracted "
    "answers form one class. gate: w = 0 where A_local = 0 (soft_degenerate) or r = 0 (soft_wrong).",
    source="COPO; the authors blend the clipped losses, so both parts and w are returned",
    reads=("answer_key",),
)
def consistency_blend(
    *,
    k: float = 5.0,
    b: float = 1.0,
    consistency_coef: bool = False,
    gate: Literal["soft", "soft_degenerate", "soft_wrong"] = "soft",
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Method:
    """GRPO inside the group blended with the group's standing in the batch; agreement moves weight to the latter."""
    require_scale(eps)
    return ConsistencyBlend(k, b, consistency_coef, gate, ddof, eps)


ANSWER_ESTIMATORS = (semantic_entropy_scaled, consistency_blend)


@dataclass(frozen=True, slots=True)
class SemanticEntropyScaled:
    """SEED-GRPO with its parameters."""

    alpha: float
    form: Literal["linear", "exponential", "focal"]
    power: float
    base: Relative

    def __call__(self, columns: Columns) -> Parts:
        entropy = answer_entropies(columns, own_class=True)
        most = np.log(np.maximum(columns.partition.size, 2))
        scale = self._scale(self.alpha * entropy / most, columns)
        advantages = self.base(columns).advantages * scale[columns.partition.index]
        return Parts(advantages, group_outputs={"entropies": entropy, "scales": scale})

    def _scale(self, x: Floats, columns: Columns) -> Floats:
        if self.form == "exponential":
            return np.exp(-x)
        negative = np.flatnonzero(x > 1.0)
        if len(negative):
            place = int(negative[0])
            message = f"group {columns.group_name(place)!r} would be scaled by a negative number"
            raise InputError(columns.group_field(place), message)
        return 1.0 - x if self.form == "linear" else (1.0 - x) ** self.power


@dataclass(frozen=True, slots=True)
class ConsistencyBlend:
    """COPO with its parameters."""

    k: float
    b: float
    consistency_coef: bool
    gate: Literal["soft", "soft_degenerate", "soft_wrong"]
    ddof: Ddof
    eps: float

    def __call__(self, columns: Columns) -> Parts:
        index = columns.partition.index
        entropy = answer_entropies(columns, own_class=False) / math.log(2.0)
        local = _base("grpo", self.ddof, self.eps)(columns).advantages
        globally = self._standing(columns, entropy)[index]
        weight = _sigmoid(self.k * (entropy - self.b))[index]
        if self.gate == "soft_degenerate":
            weight = np.where(local == 0.0, 0.0, weight)
        elif self.gate == "soft_wrong":
            weight = np.where(columns.counted_rewards == 0.0, 0.0, weight)
        parts = {"local_weights": weight, "local_advantages": local, "global_advantages": globally}
        return Parts(
            weight * local + (1.0 - weight) * globally,
            member_outputs=parts,
            group_outputs={"entropies_bits": entropy},
        )

    def _standing(self, columns: Columns, entropy: Floats) -> Floats:
        size = columns.partition.size
        means = columns.moments.mean
        if self.consistency_coef:
            several = np.maximum(size, 2)
            means = means * (1.0 - (1.0 - 1.0 / several) / np.log2(several) * entropy)
        filled = np.flatnonzero(size)
        moments = Partition.single(len(filled)).moments(means[filled])
        standing = np.zeros(len(size))
        standing[filled] = moments.deviation / moments.divisor(self.ddof, self.eps)[0]
        return standing


def answer_entropies(columns: Columns, *, own_class: bool) -> Floats:
    """Entropy in nats of each group's answer classes; 0 for an empty group.

    Args:
        own_class: each answer that could not be extracted is a class of its own; else all of a group form one.
    """
    classes = answer_classes(columns.answer_keys(), own_class=own_class)
    return class_entropies(columns.partition, classes)


def answer_classes(keys: Sequence[str | None], *, own_class: bool) -> npt.NDArray[np.intp]:
    """A number for each answer key, the same for equal ones; see :func:`answer_entropies` for None and empty ones."""
    numbers: dict[str | None, int] = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    classes = np.array([numbers[key] for key in keys], np.intp)
    for key in (None, ""):
        if key in numbers:
            missing = np.flatnonzero(classes == numbers[key])
            classes[missing] = len(numbers) + missing if own_class else len(numbers)
    return classes


def class_entropies(partition: Partition, classes: npt.NDArray[np.intp]) -> Floats:
    """Entropy in nats of the classes inside each part."""
    joined, counts = np.unique(partition.index * (_span(classes)) + classes, return_counts=True)
    owner = joined // _span(classes)
    share = counts / partition.size[owner]
    surprise = -share * np.log(share)
    return np.bincount(owner, weights=surprise, minlength=partition.count).astype(np.float64) + 0.0


def _sigmoid(x: Floats) -> Floats:
    below = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, below) / (1.0 + below)


def _base(kind: Literal["mean_only", "grpo"], ddof: Ddof, eps: float) -> Relative:
    if kind == "grpo":
        return Relative(Centre.GROUP, Scale.GROUP_STD, ddof=ddof, eps=eps)
    return Relative(Centre.GROUP)


def _span(classes: npt.NDArray[np.intp]) -> int:
    return int(classes.max(initial=0)) + 1
