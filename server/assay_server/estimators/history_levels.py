"""HGPO: the step part averaged over nested step groups, from the state alone to the state with a long history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from assay.sdk.spec import Grouping
from assay_server.estimators.anchors import LONGEST_HISTORY
from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, require, require_scale, step_estimator
from assay_server.estimators.gigpo import GiGPO
from assay_server.estimators.partition import Partition


@step_estimator(
    "advantage/hgpo-v1",
    formula="A_E + w sum_k w_k A_S^(k), A_S^(k) = GiGPO's step part among the steps with equal state and equal last k "
    "states, k = 0 .. history; w_k proportional to (group size - 1)",
    edges="A step that is alone at every level: 0. The step groups reported are those of k = 0. Flat or lone sample: "
    "not "
    "scaled.",
    source="HGPO (hierarchy of groups over recent history)",
    verify="the weights w_k",
)
def hgpo(
    grouping: Grouping,
    *,
    history: int = 2,
    gamma: float = 0.95,
    w: float = 1.0,
    scaled: bool = False,
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Method:
    """Episode advantage plus step advantages averaged over step groups with more and more history in common."""
    require(grouping == Grouping(), "history", "a run that declares no grouping beside it", history)
    require(0.0 <= gamma <= 1.0, "gamma", "a number in [0, 1]", gamma)
    require(w >= 0.0, "w", "a number >= 0", w)
    require_scale(eps)
    level = GiGPO(
        grouping=Grouping(),
        gamma=gamma,
        w=w,
        scaled=scaled,
        ddof=ddof,
        eps=eps,
        episode_stats="trajectory",
        singleton="zero",
        invalid_penalty=0.0,
    )
    require(0 <= history <= LONGEST_HISTORY, "history", f"an integer from 0 to {LONGEST_HISTORY}", history)
    return NestedHistories(level, history)


HISTORY_ESTIMATORS = (hgpo,)


@dataclass(frozen=True, slots=True)
class NestedHistories:
    """GiGPO among the steps of equal state, and its step part averaged over longer and longer common histories."""

    level: GiGPO
    history: int

    def __call__(self, columns: Columns) -> Parts:
        found = self.level(columns)
        steps = found.steps
        assert steps is not None
        weighted = np.zeros(len(steps.returns))
        total = np.zeros(len(steps.returns))
        for partition in nested_histories(steps.index, steps.counts, self.history):
            others = partition.size[partition.index] - 1.0
            weighted += others * self.level.relative(steps.returns, partition)
            total += others
        among = weighted / np.where(total > 0.0, total, 1.0)
        return replace(found, steps=replace(steps, advantages=among, totals=steps.episode + self.level.w * among))


def nested_histories(states: npt.NDArray[np.intp], counts: npt.NDArray[np.intp], longest: int) -> Iterator[Partition]:
    """The steps by their state; by their state and the one before; and so on up to ``longest`` before.

    Args:
        states: of each step, a number that no step of another episode group has.
        counts: steps per rollout.
    """
    span = len(states) + 1
    first_row = np.repeat(np.cumsum(counts) - counts, counts)
    places = np.arange(len(states))
    index = states
    yield Partition(index, span)
    for back in range(1, longest + 1):
        earlier = np.where(places - back >= first_row, states[np.maximum(places - back, 0)] + 1, 0)
        distinct, index = np.unique(index * span + earlier, return_inverse=True)
        index = index.reshape(-1)
        yield Partition(index, len(distinct))
