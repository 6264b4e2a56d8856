"""HGPO: the step part averaged over nested step groups, from the state alone to the state with a long history."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assay.sdk.spec import AnchorRecipe, Grouping
from assay_server.estimators.anchors import declared_grouping
from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, StepParts, require, require_scale, step_estimator
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
    deeper = [declared_grouping(Grouping(AnchorRecipe.STATE_AND_HISTORY, length)) for length in range(1, history + 1)]
    require(history >= 0, "history", "an integer >= 0", history)
    return NestedHistories((level, *(replace(level, grouping=chosen) for chosen in deeper)), w)


HISTORY_ESTIMATORS = (hgpo,)


@dataclass(frozen=True, slots=True)
class NestedHistories:
    """GiGPO once per length of history."""

    levels: tuple[GiGPO, ...]
    w: float

    def __call__(self, columns: Columns) -> Parts:
        parts = [level(columns) for level in self.levels]
        steps = [part.steps for part in parts if part.steps is not None]
        shared = np.stack([_others(found) for found in steps])
        total = shared.sum(axis=0)
        weights = shared / np.where(total > 0.0, total, 1.0)
        among = (weights * np.stack([found.advantages for found in steps])).sum(axis=0)
        first = replace(steps[0], advantages=among, totals=steps[0].episode + self.w * among)
        return replace(parts[0], steps=first)


def _others(steps: StepParts) -> np.typing.NDArray[np.float64]:
    """Per step, how many others are in its step group."""
    return Partition(steps.index, len(steps.ids)).size[steps.index].astype(np.float64) - 1.0
