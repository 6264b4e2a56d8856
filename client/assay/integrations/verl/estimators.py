"""Advantage estimators of the service under names of verl's own: ``algorithm.adv_estimator=assay_rloo``.

Import this module in the process that computes advantages, for instance by
``VERL_USE_EXTERNAL_MODULES=assay.integrations.verl.estimators``. Responses whose score is NaN (see
:class:`assay.integrations.verl.scores.Unscored`) are left out of their groups and get an advantage of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from verl.trainer.ppo.core_algos import register_adv_est

from assay.groups import RolloutGroup, ScoredRollout
from assay.integrations.service import Service
from assay.sdk.samples import Json

BY_NAME: Mapping[str, str] = {
    "assay_grpo": "advantage/grpo",
    "assay_rloo": "advantage/leave_one_out",
    "assay_dr_grpo": "advantage/grpo_mean_only",
}
"""What importing this module registers: verl's name, and the service's."""


class Tensor(Protocol):
    """What is used of a torch tensor."""

    def sum(self, dim: int) -> Tensor: ...
    def detach(self) -> Tensor: ...
    def cpu(self) -> Tensor: ...
    def tolist(self) -> list[float]: ...
    def new_tensor(self, data: Sequence[float]) -> Tensor: ...
    def unsqueeze(self, dim: int) -> Tensor: ...
    def __mul__(self, other: Tensor) -> Tensor: ...


def register(
    name: str, estimator: str, params: Mapping[str, Json] | None = None, service: Service | None = None
) -> None:
    """Make an estimator of the service one of verl's. For those that read rewards only, not steps or signals."""

    def advantages(
        token_level_rewards: Tensor, response_mask: Tensor, index: npt.NDArray[np.object_], **unused: object
    ) -> tuple[Tensor, Tensor]:
        del unused
        rewards = token_level_rewards.sum(dim=-1).detach().cpu().tolist()
        rows = _advantages(service or Service(), estimator, params, rewards, [str(uid) for uid in index])
        spread = token_level_rewards.new_tensor(rows).unsqueeze(-1) * response_mask
        return spread, spread

    register_adv_est(name)(advantages)


def _advantages(
    service: Service, estimator: str, params: Mapping[str, Json] | None, rewards: Sequence[float], groups: Sequence[str]
) -> list[float]:
    members: dict[str, list[ScoredRollout]] = {}
    for row, (reward, group) in enumerate(zip(rewards, groups, strict=True)):
        if not np.isnan(reward):
            members.setdefault(group, []).append(ScoredRollout(str(row), reward))
    asked = [RolloutGroup(name, rollouts) for name, rollouts in members.items()]
    found = [0.0] * len(rewards)
    for result in service.client().advantages(asked, estimator, params) if asked else []:
        for member in result:
            if member.advantage is not None:
                found[int(member.rollout_id)] = member.advantage
    return found


for _name, _estimator in BY_NAME.items():
    register(_name, _estimator)
