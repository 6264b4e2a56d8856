"""Temporal differences in the tree of token prefixes that the responses of a group share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.columns import Columns, member_field
from assay_server.estimators.definition import Ddof, Method, Parts, Singleton, estimator, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition


@estimator(
    "advantage/prefix_tree_td-v1",
    formula="token j of member i: (r_i - mean + V(prefix with j) - V(prefix before j)) / (std + eps), V(prefix) = mean "
    "reward of the members that share it; the member's own advantage leaves V out",
    edges="A response that has ended has left the prefix. Flat group: 0. Lone member: 0, or its reward at every token "
    "with singleton=raw. scale=none drops the divisor. Padding takes no part.",
    source="TEMPO (Exploiting Tree Structure for Credit Assignment)",
    required_signals=("token_ids",),
    reads=("tokens",),
)
def prefix_tree_td(
    *,
    scale: Literal["std", "none"] = "std",
    ddof: Ddof = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
) -> Method:
    """GRPO plus, at each token, how much it changed the mean reward of those who wrote the same so far."""
    require_scale(eps)
    return PrefixTree(scale, ddof, eps, singleton)


TOKEN_ESTIMATORS = (prefix_tree_td,)


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """TEMPO with its parameters."""

    scale: Literal["std", "none"]
    ddof: Ddof
    eps: float
    singleton: Singleton

    def __call__(self, columns: Columns) -> Parts:
        tokens = _token_ids(columns)
        index, moments = columns.partition.index, columns.moments
        counts = np.array([len(ids) for ids in tokens], np.intp)
        values = prefix_values(tokens, counts, columns.counted_rewards, columns.partition)
        divisor = moments.divisor(self.ddof, self.eps)[index] if self.scale == "std" else np.ones(len(index))
        before = np.roll(values, 1)
        starts = (np.cumsum(counts) - counts)[counts > 0]
        before[starts] = moments.mean[index][counts > 0]
        of_token = np.repeat(np.arange(len(counts)), counts)
        advantages = (moments.deviation[of_token] + values - before) / divisor[of_token]
        base = moments.deviation / divisor
        lone = moments.lone[index]
        alone = columns.counted_rewards if self.singleton == "raw" else np.zeros(len(index))
        advantages = np.where(lone[of_token], alone[of_token], advantages)
        advantages = np.where(moments.flat[index][of_token] & ~lone[of_token], 0.0, advantages)
        per_member: dict[str, list[Json]] = {
            "values": _per_member(values, counts),
            "advantages": _per_member(advantages, counts),
        }
        return Parts(np.where(lone, alone, base), member_outputs=per_member)


def prefix_values(
    tokens: Sequence[npt.NDArray[np.int64]], counts: npt.NDArray[np.intp], rewards: Floats, partition: Partition
) -> Floats:
    """Per token the mean reward of the members of its group that share the prefix up to and with it.

    One pass per position, over those members only that still share their prefix with another.
    """
    flat = np.concatenate(tokens) if len(tokens) else np.empty(0, np.int64)
    values = np.repeat(rewards, counts)
    starts = np.cumsum(counts) - counts
    node = partition.index.astype(np.int64)
    active = np.flatnonzero((counts > 0) & (partition.size[partition.index] > 1))
    position = 0
    while len(active):
        _, code = np.unique(flat[starts[active] + position], return_inverse=True)
        key = node[active] * (int(code.max()) + 1) + code.reshape(-1)
        distinct, own = np.unique(key, return_inverse=True)
        here = Partition(own.reshape(-1), len(distinct))
        values[starts[active] + position] = here.moments(rewards[active]).mean[here.index]
        node[active] = here.index
        position += 1
        active = active[(here.size[here.index] > 1) & (counts[active] > position)]
    return values


def _per_member(values: Floats, counts: npt.NDArray[np.intp]) -> list[Json]:
    flat: list[Json] = list(values.tolist())
    ends: list[int] = np.cumsum(counts).tolist()
    return [flat[start:end] for start, end in pairwise([0, *ends])]


def _token_ids(columns: Columns) -> list[npt.NDArray[np.int64]]:
    found: list[npt.NDArray[np.int64]] = []
    positions: list[int] = columns.counted.tolist()
    for position in positions:
        ids: npt.NDArray[np.generic] = np.asarray(columns.members[position].signals["token_ids"])
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise _bad_tokens(columns, position)
        found.append(ids.astype(np.int64, copy=False))
    if found and bool((np.concatenate(found) < 0).any()):
        raise _bad_tokens(columns, next(p for p, ids in zip(positions, found, strict=True) if (ids < 0).any()))
    return found


def _bad_tokens(columns: Columns, position: int) -> InputError:
    where = member_field(columns.groups, columns.starts, position, "signals.token_ids")
    return InputError(where, "expected a list of token ids >= 0; padding takes no part")
