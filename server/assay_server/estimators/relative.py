"""The composable core of outcome advantages: a centre times a scale.

``A = (reward - centre) / scale`` with the centre in {none, group, leave-one-out, batch} and the scale in {none, group
std, batch std}. Flat sets give exactly 0 (R3), lone members follow ``singleton`` (R4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Parts, Singleton
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition


class Centre(Enum):
    """What a reward is compared with."""

    NONE = "none"
    GROUP = "group"
    LEAVE_ONE_OUT = "leave_one_out"
    BATCH = "batch"


class Scale(Enum):
    """What the difference is divided by."""

    NONE = "none"
    GROUP_STD = "group_std"
    BATCH_STD = "batch_std"


@dataclass(frozen=True, slots=True)
class Relative:
    """A centre and a scale with their parameters; called with columns it gives advantages.

    Attributes:
        std_of: what the batch std is taken over: raw rewards, or the centred values.
        min_std: a group whose std is below it counts as flat.
    """

    centre: Centre
    scale: Scale = Scale.NONE
    ddof: Ddof = 1
    eps: float = 1e-6
    singleton: Singleton = "zero"
    std_of: Literal["rewards", "centred"] = "rewards"
    min_std: float = 0.0

    def __call__(self, columns: Columns) -> Parts:
        centred = self._centred(columns)
        if self.scale is Scale.GROUP_STD:
            return Parts(self._by_group_std(columns, centred))
        if self.scale is Scale.BATCH_STD:
            return self._by_batch_std(columns, centred)
        return Parts(centred)

    def _centred(self, columns: Columns) -> Floats:
        rewards = columns.counted_rewards
        if self.centre is Centre.NONE:
            return rewards
        if self.centre is Centre.BATCH:
            partition = Partition.single(len(rewards))
            moments = partition.moments(rewards)
        else:
            partition, moments = columns.partition, columns.moments
        deviation = moments.deviation
        if self.centre is Centre.LEAVE_ONE_OUT:
            size = moments.size[partition.index]
            deviation = deviation * (size / np.maximum(size - 1, 1))
        if self.singleton == "raw":
            deviation = np.where(moments.lone[partition.index], rewards, deviation)
        return deviation

    def _by_group_std(self, columns: Columns, centred: Floats) -> Floats:
        moments, index = columns.moments, columns.partition.index
        scaled = centred / moments.divisor(self.ddof, self.eps)[index]
        if self.min_std == 0.0:
            return scaled
        too_close = (moments.std(self.ddof) < self.min_std) & ~moments.lone
        return np.where(too_close[index], 0.0, scaled)

    def _by_batch_std(self, columns: Columns, centred: Floats) -> Parts:
        sample = columns.counted_rewards if self.std_of == "rewards" else centred
        moments = Partition.single(len(sample)).moments(sample)
        std = float(moments.std(self.ddof)[0])
        flat = bool(moments.flat[0]) and self.centre is not Centre.NONE
        advantages = np.zeros_like(centred) if flat else centred / moments.divisor(self.ddof, self.eps)[0]
        return Parts(advantages, outputs={"batch_std": std})
