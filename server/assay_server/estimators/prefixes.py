"""Temporal differences in the tree of token prefixes that the responses of a group share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, Singleton, estimator, require_scale
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.ragged import Ragged
from assay_server.estimators.tokens import Tokens

_Ids = npt.NDArray[np.int64]
_LARGEST_KEY = 2**62


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
        tokens = columns.tokens()
        index, moments = columns.partition.index, columns.moments
        divisor = moments.divisor(self.ddof, self.eps)[index] if self.scale == "std" else np.ones(len(index))
        base = moments.deviation / divisor
        if self.singleton == "raw":
            base = np.where(moments.lone[index], columns.counted_rewards, base)
        values = np.repeat(columns.counted_rewards, tokens.counts)
        advantages = np.repeat(base, tokens.counts)
        before = moments.mean[index]
        for members, place, value in shared_prefixes(tokens, columns.counted_rewards, columns.partition):
            values[place] = value
            advantages[place] = (moments.deviation[members] + value - before[members]) / divisor[members]
            before[members] = value
        of_tokens = Ragged.of(advantages, tokens.counts)
        return Parts(
            base,
            member_outputs={"values": Ragged.of(values, tokens.counts), "advantages": of_tokens},
            token_advantages=of_tokens,
        )


def shared_prefixes(
    tokens: Tokens, rewards: Floats, partition: Partition
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]]:
    """Position by position: the members that shared all before it with another, where their token stands among all
    tokens, and the mean reward of those of their group that share the prefix with this token.

    A member that came to be alone is not told of again: the mean is its own reward from there on.
    """
    starts = np.cumsum(tokens.counts) - tokens.counts
    flat, span = _dense(tokens.flat, len(rewards))
    node = partition.index.astype(np.int64)
    active = np.flatnonzero((tokens.counts > 0) & (partition.size[partition.index] > 1))
    position = 0
    while len(active):
        place = starts[active] + position
        distinct, own = np.unique(node[active] * span + flat[place], return_inverse=True)
        here = Partition(own.reshape(-1), len(distinct))
        yield active, place, here.moments(rewards[active]).mean[here.index]
        node[active] = here.index
        position += 1
        active = active[(here.size[here.index] > 1) & (tokens.counts[active] > position)]


def _dense(flat: _Ids, members: int) -> tuple[_Ids, int]:
    """Token ids, made small where a product with a member's number would not fit, and one more than the largest."""
    span = int(flat.max(initial=0)) + 1
    if span <= _LARGEST_KEY // max(members, 1):
        return flat, span
    distinct, codes = np.unique(flat, return_inverse=True)
    return codes.reshape(-1).astype(np.int64), len(distinct)
