"""Rewards of a member that depend on the other members of its group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import listed, mapping, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, number_in
from assay_server.estimators.strata import nested_in


@method(
    "reward/unlikeliness-v1",
    reach="group",
    inputs="rollouts {group, reward, mean_logprob}",
    formula="r (1 - beta rank / G), rank 0 .. G-1 by ascending mean_logprob over all members of the group",
    edges="Equal: by position. Negative rewards shrink too. Missing mean_logprob: refused.",
    source="Rewarding the Unlikely",
)
def unlikeliness(inputs: Mapping[str, Json], *, beta: float = 0.25) -> Outputs:
    """Rewards that shrink with how likely the policy thought the response."""
    require(0.0 <= beta <= 1.0, "beta", "a number in [0, 1]", beta)
    rows = Rows(inputs)
    rewards, index = rows.numbers("reward"), rows.partition.index
    order = np.lexsort((rows.numbers("mean_logprob"), index))
    sizes = rows.partition.size
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    shrunk = rewards * (1.0 - beta * ranks / sizes[index])
    places: list[Json] = list(ranks.tolist())
    return {"ranks": places, "rewards": shrunk.tolist()}


@method(
    "reward/serial_decay-v1",
    reach="group",
    inputs="exits {position, correct} of one trace",
    formula="in order of position the k-th correct exit earns base^-(k-1), a wrong one 0; advantage = reward - mean",
    edges="Equal positions: by place in the list. One exit: advantage 0.",
    source="S-GRPO (Early Exit via Reinforcement Learning)",
    verify="the algorithm (two accounts agree)",
)
def serial_decay(inputs: Mapping[str, Json], *, base: float = 2.0) -> Outputs:
    """Early right exits of one reasoning trace earn most."""
    require(base > 0.0, "base", "a number > 0", base)
    rows = Rows(inputs, "exits")
    order = np.argsort(rows.numbers("position", 0.0), kind="stable")
    correct = rows.flags("correct")
    earlier = np.empty(len(rows), np.intp)
    earlier[order] = np.cumsum(correct[order]) - 1
    rewards = np.where(correct, np.power(base, -np.maximum(earlier, 0).astype(np.float64)), 0.0)
    advantages = Partition.single(len(rows)).moments(rewards).deviation
    return {"rewards": rewards.tolist(), "advantages": advantages.tolist()}


@method(
    "reward/format_diversity_scale-v1",
    reach="group",
    inputs="rollouts {group, format (null: unknown), reward} of complete groups; global_step",
    formula="r (1 + (G/F - 1)(1 + cos(pi t / total_steps)) / 2), F = members of the group with that format",
    edges="Progress is clamped to [0, 1]. A reward other than 0 with an unknown format: refused; its scale is 1.",
    source="ARM (Ada-GRPO)",
)
def format_diversity_scale(inputs: Mapping[str, Json], *, total_steps: float) -> Outputs:
    """Rewards that favour rare formats at first and fade to the plain reward."""
    require(total_steps > 0, "total_steps", "a number > 0", total_steps)
    rows = Rows(inputs)
    rewards = rows.numbers("reward")
    progress = min(number_in(inputs, "global_step", 0.0) / total_steps, 1.0)
    codes = _format_codes(rows, rewards)
    partition = rows.partition
    same = nested_in(partition, codes)
    rarity = partition.size[partition.index] / np.maximum(same.size[same.index], 1)
    scales = 1.0 + (rarity - 1.0) * (1.0 + np.cos(np.pi * progress)) / 2.0
    scales = np.where(codes < 0, 1.0, scales)
    return {"scales": scales.tolist(), "rewards": (rewards * scales).tolist()}


@method(
    "reward/group_contrastive-v1",
    reach="group",
    inputs="rollouts {group, feature, correct, reward}",
    formula="r + weight mask for members with the feature; mask = 1 if gap > threshold, -1 if gap < -threshold, else "
    "0; "
    "gap = accuracy with the feature - accuracy without",
    edges="No member with, or none without the feature: mask 0.",
    source="GeometryZero (GCPO)",
    verify="threshold and weight",
)
def group_contrastive(inputs: Mapping[str, Json], *, threshold: float = 0.0, weight: float = 0.5) -> Outputs:
    """A feature is rewarded where it helps the group and punished where it hurts."""
    require(threshold >= 0.0, "threshold", "a number >= 0", threshold)
    rows = Rows(inputs)
    feature, correct, partition = rows.flags("feature"), rows.flags("correct"), rows.partition
    rates: list[Floats] = []
    filled = np.ones(partition.count, np.bool_)
    for arm in (feature, ~feature):
        size = partition.sums(arm.astype(np.float64))
        rates.append(partition.sums((arm & correct).astype(np.float64)) / np.maximum(size, 1.0))
        filled &= size > 0.0
    gap = rates[0] - rates[1]
    masks = np.where(filled, (gap > threshold).astype(int) - (gap < -threshold), 0)
    rewards = rows.numbers("reward") + np.where(feature, weight * masks[partition.index], 0.0)
    return {"masks": dict(zip(rows.names, masks.tolist(), strict=True)), "rewards": rewards.tolist()}


@method(
    "reward/win_rate-v1",
    reach="group",
    inputs="matrix[i][j] = probability that i beats j; the diagonal is not read",
    formula="mean over j != i of P_ij, with debias of (P_ij + 1 - P_ji) / 2",
    edges="Lone member: 0.5. Cycles are allowed. A probability outside [0, 1] or missing: refused.",
    source="A Minimaximalist Approach to RLHF, Pref-GRPO",
)
def win_rate(inputs: Mapping[str, Json], *, debias: bool = True) -> Outputs:
    """How often a member beats the others of its group."""
    matrix = square(inputs, "matrix", 0.0, 1.0)
    size = len(matrix)
    if size == 1:
        return {"rewards": [0.5]}
    won = (matrix + 1.0 - matrix.T) / 2.0 if debias else matrix.copy()
    np.fill_diagonal(won, 0.0)
    return {"rewards": (won.sum(axis=1) / max(size - 1, 1)).tolist()}


@method(
    "reward/diversity_bonus-v1",
    reach="group",
    inputs="rollouts {correct, reward, components {name: value in [0, 1]}}",
    formula="r + min(sum_c weight_c value_c, cap)",
    edges="cap keeps wrong + bonus below right: a cap that lets a wrong reward reach the smallest right one is "
    "refused. "
    "A weight without its component: refused.",
    source="MultiRole-R1 (Diversity-Enhanced Reasoning for Subjective Questions)",
    verify="the weights",
)
def diversity_bonus(inputs: Mapping[str, Json], *, weights: dict[str, float], cap: float = 0.1) -> Outputs:
    """A capped bonus for being different that never makes a wrong answer worth a right one."""
    require(cap >= 0.0, "cap", "a number >= 0", cap)
    rows = Rows(inputs)
    rewards, correct = rows.numbers("reward"), rows.flags("correct")
    if correct.any() and (~correct).any() and float(rewards[~correct].max()) + cap >= float(rewards[correct].min()):
        raise InputError("rollouts", f"a wrong reward with a bonus of {cap:g} reaches a right one")
    bonus = np.array([_weighted(rows, place, weights) for place in range(len(rows))], np.float64)
    bonus = np.clip(bonus, 0.0, cap)
    return {"bonus": bonus.tolist(), "rewards": (rewards + bonus).tolist()}


GROUP_METHODS = table(unlikeliness, serial_decay, format_diversity_scale, group_contrastive, win_rate, diversity_bonus)


def square(inputs: Mapping[str, Json], name: str, low: float, high: float) -> Floats:
    """A square matrix; its diagonal is left at 0.

    Raises:
        InputError: it is not square, or a value off the diagonal is missing or outside the bounds.
    """
    rows = listed(inputs, name)
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(rows):
            raise InputError(f"{name}[{i}]", f"expected {len(rows)} numbers")
        for j, value in enumerate(row):
            if i != j:
                matrix[i, j] = number(value, f"{name}[{i}][{j}]")
                if not low <= matrix[i, j] <= high:
                    raise InputError(f"{name}[{i}][{j}]", f"expected {low:g} to {high:g}")
    return matrix


def _format_codes(rows: Rows, rewards: Floats) -> Floats:
    """A number for each format; -1 for an unknown one."""
    numbers: dict[str, int] = {}
    codes = np.empty(len(rows))
    for place, value in enumerate(rows.values("format")):
        if value is None or value == "":
            if rewards[place] != 0.0:
                raise InputError(rows.path(place, "reward"), "an unknown format must have earned 0")
            codes[place] = -1
            continue
        codes[place] = numbers.setdefault(text(value, rows.path(place, "format")), len(numbers))
    return codes


def _weighted(rows: Rows, place: int, weights: Mapping[str, float]) -> float:
    path = rows.path(place, "components")
    components = mapping(rows.items[place].get("components"), path)
    total = 0.0
    for name, weight in weights.items():
        value = number(components.get(name), f"{path}.{name}")
        if not 0.0 <= value <= 1.0:
            raise InputError(f"{path}.{name}", "expected 0 to 1")
        total += weight * value
    return total
