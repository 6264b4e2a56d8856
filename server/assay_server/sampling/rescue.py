"""What is done for a group that failed altogether: pure decisions; the caller generates and replaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require
from assay_server.estimators.errors import InputError
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import column_of, whole_number

_TIERS = ("knowledge", "planning", "solution")
_LEVELS_PER_TIER = 4
_LEVELS = len(_TIERS) * _LEVELS_PER_TIER
_SHARES = (0.25, 0.5, 0.75)


@method(
    "rescue/replay_injection-v1",
    reach="run",
    inputs="rewards of the group, stored_successes of the task; seed, to say which of them",
    formula="needed = std < std_below and mean < mean_below; inject = needed and something is stored",
    edges="Lone member: std 0. Empty group: not needed. Nothing stored: no change.",
    source="ARPO (End-to-End Policy Optimization for GUI Agents with Experience Replay)",
)
def replay_injection(
    inputs: Mapping[str, Json], *, std_below: float = 0.05, mean_below: float = 0.2, ddof: Ddof = 1
) -> Outputs:
    """Whether one rollout of a failed group is replaced by a stored success."""
    rewards, stored = column_of(inputs, "rewards"), whole_number(inputs, "stored_successes")
    moments = Partition.single(len(rewards)).moments(rewards)
    failed = float(moments.std(ddof)[0]) < std_below and float(moments.mean[0]) < mean_below
    needed = len(rewards) > 0 and failed
    found: Outputs = {"needed": needed, "inject": needed and stored > 0}
    if "seed" in inputs and needed and stored > 0:
        generator = np.random.default_rng(whole_number(inputs, "seed"))
        found["replaced"], found["stored"] = int(generator.integers(len(rewards))), int(generator.integers(stored))
    return found


@method(
    "rescue/hint_tiers-v1",
    reach="run",
    inputs="rewards of the group, global_step, succeeded: per hint level tried so far, from level 1 on",
    formula="after start_step, for an all-zero group: levels 1-4 knowledge, 5-8 planning, 9-12 solution, cumulative; "
    "the "
    "lowest level that succeeded replaces one rollout, else the next is tried",
    edges="Empty group, or any reward above 0: not needed. All 12 failed: level null, exhausted. More than 12: "
    "refused.",
    source="Scaf-GRPO",
)
def hint_tiers(inputs: Mapping[str, Json], *, start_step: int = 50) -> Outputs:
    """The next hint for a prompt that nobody solved, or the lowest that helped."""
    require(start_step >= 0, "start_step", "an integer >= 0", start_step)
    rewards, step = column_of(inputs, "rewards"), whole_number(inputs, "global_step")
    tried = [boolean(value, f"succeeded[{place}]") for place, value in enumerate(listed(inputs, "succeeded"))]
    if len(tried) > _LEVELS:
        raise InputError("succeeded", f"expected up to {_LEVELS} levels, got {len(tried)}")
    needed = step > start_step and _all_failed(rewards.tolist())
    solved = tried.index(True) + 1 if True in tried else None
    level = solved or len(tried) + 1
    if not needed or level > _LEVELS:
        return {"needed": needed, "level": None, "tier": None, "replace": False, "exhausted": needed}
    tier = _TIERS[(level - 1) // _LEVELS_PER_TIER]
    return {"needed": True, "level": level, "tier": tier, "replace": solved is not None, "exhausted": False}


@method(
    "rescue/partial_solution-v1",
    reach="run",
    inputs="rewards of the group, attempt (0 = without help)",
    formula="all rewards <= 0: append the first 25% of the reference solution and generate again, then 50%, 75%",
    edges="Empty group: not needed. max_attempts reached: share null, exhausted.",
    source="GHPO",
)
def partial_solution(inputs: Mapping[str, Json], *, max_attempts: int = 3) -> Outputs:
    """How much of the reference solution the next attempt is given."""
    require(0 <= max_attempts <= len(_SHARES), "max_attempts", f"0 to {len(_SHARES)}", max_attempts)
    rewards, attempt = column_of(inputs, "rewards"), whole_number(inputs, "attempt")
    needed = _all_failed(rewards.tolist())
    again = needed and attempt < max_attempts
    return {"needed": needed, "share": _SHARES[attempt] if again else None, "exhausted": needed and not again}


RESCUE_METHODS = table(replay_injection, hint_tiers, partial_solution)


def _all_failed(rewards: list[float]) -> bool:
    return bool(rewards) and max(rewards) <= 0.0
