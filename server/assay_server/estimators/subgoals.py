"""Subgoals that a planner proposes at one state, each worth what the actor makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk.samples import Json
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require_scale
from assay_server.estimators.rows import Rows


@method(
    "advantage/foresight_subgoal-v1",
    reach="group",
    inputs="rollouts {group: the planner's state, executed: what the low-level policy earned with the subgoal, format, "
    "judge}; format and judge may be left out",
    formula="r = execution_weight executed + format_weight format + judge_weight judge, then (r - mean) / (std + eps) "
    "over the subgoals of one state",
    edges="Flat or lone state: 0. Missing executed: refused.",
    source="Hi-Agent (Hierarchical Vision-Language Agents for Mobile Device Control)",
    verify="the reward mix; that subgoals are scored by executing them is exact",
)
def foresight_subgoal(
    inputs: Mapping[str, Json],
    *,
    execution_weight: float = 1.0,
    format_weight: float = 1.0,
    judge_weight: float = 1.0,
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Outputs:
    """A subgoal relative to the others that were proposed at its state."""
    require_scale(eps)
    rows = Rows(inputs)
    rewards = execution_weight * rows.numbers("executed")
    for column, weight in (("format", format_weight), ("judge", judge_weight)):
        if any(column in item for item in rows.items):
            rewards = rewards + weight * rows.numbers(column)
    moments = rows.partition.moments(rewards)
    advantages = moments.deviation / moments.divisor(ddof, eps)[rows.partition.index]
    return {"rewards": rewards.tolist(), "advantages": advantages.tolist()}


SUBGOAL_METHODS = table(foresight_subgoal)
