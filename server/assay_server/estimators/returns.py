"""Discounted returns of many trajectories at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assay_server.estimators.groups import Floats


def discounted_returns(rewards: Floats, lengths: npt.NDArray[np.intp], gamma: float) -> Floats:
    """``G_t = r_t + gamma G_{t+1}`` per step of trajectories that lie one after another.

    All trajectories move back from their ends together, longest first, so that those still running at each distance
    are a prefix; the additions are those of the recursion, bit for bit.

    Args:
        lengths: of the trajectories, all positive.
    """
    if not len(rewards):
        return rewards
    ends = np.cumsum(lengths)
    by_length = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(by_length)
    rank[by_length] = np.arange(len(lengths))
    running = np.searchsorted(-lengths[by_length], -np.arange(int(lengths.max())), side="left")
    offsets = np.concatenate([[0], np.cumsum(running)])
    from_end = np.repeat(ends, lengths) - np.arange(len(rewards)) - 1
    place = offsets[from_end] + np.repeat(rank, lengths)
    packed = np.empty_like(rewards)
    packed[place] = rewards
    slots = offsets.tolist()
    for start, end, following in zip(slots[1:], slots[2:], slots, strict=False):
        packed[start:end] += gamma * packed[following : following + end - start]
    return packed[place]
