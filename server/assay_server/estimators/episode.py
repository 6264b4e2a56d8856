"""Estimators of whole episodes that are a centre times a scale: named rows over one core."""

from __future__ import annotations

from typing import Literal

from assay_server.estimators.definition import Ddof, Method, Scope, Singleton, estimator, require_scale
from assay_server.estimators.relative import Centre, Relative, Scale

_LONE = "Flat group: 0. Lone member: 0, or its reward with singleton=raw."


@estimator(
    "advantage/grpo-v1",
    formula="(r - mean) / (std + eps)",
    edges=f"{_LONE} A group whose std is below min_std counts as flat.",
    source="GRPO; min_std: Pref-GRPO",
)
def grpo(*, ddof: Ddof = 1, eps: float = 1e-6, singleton: Singleton = "zero", min_std: float = 0.0) -> Method:
    """Reward relative to its group's mean, in units of the group's standard deviation."""
    require_scale(eps, min_std)
    return Relative(Centre.GROUP, Scale.GROUP_STD, ddof=ddof, eps=eps, singleton=singleton, min_std=min_std)


@estimator("advantage/grpo_mean_only-v1", formula="r - mean", edges=_LONE, source="Dr. GRPO")
def grpo_mean_only(*, singleton: Singleton = "zero") -> Method:
    """Reward relative to its group's mean."""
    return Relative(Centre.GROUP, singleton=singleton)


@estimator(
    "advantage/leave_one_out-v1",
    formula="r - mean of the others = G/(G-1) (r - mean)",
    edges=_LONE,
    source="RLOO, LOOP",
)
def leave_one_out(*, singleton: Singleton = "zero") -> Method:
    """Reward relative to the mean of the group's other members."""
    return Relative(Centre.LEAVE_ONE_OUT, singleton=singleton)


@estimator(
    "advantage/group_mean_batch_std-v1",
    scope=Scope.BATCH,
    formula="(r - mean of the group) / (std of the batch + eps)",
    edges="Flat group: 0. Flat batch: all 0. Lone member: 0, or its reward over the batch std with singleton=raw.",
    source="Lite PPO (Tricks or Traps, part I); made for token-mean loss aggregation",
)
def group_mean_batch_std(
    *,
    ddof: Ddof = 1,
    eps: float = 1e-6,
    std_of: Literal["rewards", "centred"] = "rewards",
    singleton: Singleton = "zero",
) -> Method:
    """Reward relative to its group's mean, in units of the whole batch's standard deviation."""
    require_scale(eps)
    return Relative(Centre.GROUP, Scale.BATCH_STD, ddof=ddof, eps=eps, std_of=std_of, singleton=singleton)


@estimator(
    "advantage/reinforce_batch-v1",
    scope=Scope.BATCH,
    formula="r - mean of the batch, with scale=batch_std over (std of the batch + eps)",
    edges="Flat batch: all 0. Batch of one: 0, or its reward with singleton=raw and no scale.",
    source="REINFORCE with a batch baseline; REINFORCE++",
)
def reinforce_batch(
    *,
    scale: Literal["none", "batch_std"] = "none",
    ddof: Ddof = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
) -> Method:
    """Reward relative to the mean of the whole batch."""
    require_scale(eps)
    return Relative(Centre.BATCH, Scale(scale), ddof=ddof, eps=eps, singleton=singleton)


@estimator(
    "advantage/centre_scale-v1",
    scope=Scope.BATCH,
    formula="(r - centre) / scale",
    edges="Flat set: 0 wherever there is a centre. Lone member of the centre's set: as above.",
    source="the general form of the rows above",
)
def centre_scale(
    *,
    centre: Literal["none", "group", "leave_one_out", "batch"] = "group",
    scale: Literal["none", "group_std", "batch_std"] = "none",
    ddof: Ddof = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
    std_of: Literal["rewards", "centred"] = "rewards",
) -> Method:
    """Any centre with any scale."""
    require_scale(eps)
    return Relative(Centre(centre), Scale(scale), ddof=ddof, eps=eps, singleton=singleton, std_of=std_of)


EPISODE_ESTIMATORS = (grpo, grpo_mean_only, leave_one_out, group_mean_batch_std, reinforce_batch, centre_scale)
