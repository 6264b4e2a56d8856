"""What is put into a group that nobody solved: exemplars, fragments, the reference itself, stored starts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require, require_scale
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import column_of, number_in, whole_number
from assay_server.sampling.downsampling import generator_of


@method(
    "rescue/exemplar_seed-v1",
    reach="run",
    inputs="rewards of the group, similarities of the library's solved exemplars to the prompt",
    formula="all rewards <= 0: the count most similar exemplars go into the context",
    edges="Empty group: not needed. Equal similarity: the earlier. Nothing stored: none.",
    source="XRPO",
)
def exemplar_seed(inputs: Mapping[str, Json], *, count: int = 1) -> Outputs:
    """Solved exemplars for a prompt that nobody solves."""
    require(count >= 1, "count", "an integer >= 1", count)
    similarities = column_of(inputs, "similarities")
    needed = _all_failed(inputs)
    nearest = np.argsort(-similarities, kind="stable")[:count].tolist()
    return {"needed": needed, "exemplars": nearest if needed else []}


@method(
    "rescue/inpainting-v1",
    reach="group",
    inputs="rewards of the group; entropies of the injected tokens, may be left out",
    formula="all rewards <= 0: fragments of the reference trace are injected, role hinted; of the injected tokens "
    "those of entropy > cutoff are trained on",
    edges="Empty group: not needed.",
    source="Inpainting-Guided Policy Optimization for Diffusion Large Language Models",
    verify="the filter's cutoff; the trigger is exact",
)
def inpainting(inputs: Mapping[str, Json], *, cutoff: float = 0.6931471805599453) -> Outputs:
    """Fragments of the reference for a group that nobody solved."""
    require(cutoff >= 0.0, "cutoff", "a number >= 0", cutoff)
    needed = _all_failed(inputs)
    found: Outputs = {"needed": needed, "role": "hinted" if needed else None}
    if "entropies" in inputs:
        found["trained"] = (column_of(inputs, "entropies", 0.0) > cutoff).tolist()
    return found


@method(
    "rescue/ground_truth_member-v1",
    reach="group",
    inputs="rewards of the policy's members, expert_reward of the reference as a member",
    formula="the reference joins with role expert, its reward capped at cap; A = (r - mean) / (std + eps), mean and "
    "std with it or (outside) without; not at all once a member reaches solved",
    edges="Flat: 0 (outside: the reference gets its plain difference). No members but it: 0.",
    source="ViSurf",
    verify="the three controls; the injection is exact",
)
def ground_truth_member(
    inputs: Mapping[str, Json],
    *,
    outside: bool = False,
    cap: float = 1.0,
    solved: float = 1.0,
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Outputs:
    """The reference as a member of its own group."""
    require_scale(eps)
    rewards = column_of(inputs, "rewards")
    expert = min(number_in(inputs, "expert_reward"), cap)
    inject = not len(rewards) or float(rewards.max()) < solved
    everybody = np.append(rewards, expert) if inject else rewards
    counted = rewards if outside or not inject else everybody
    moments = Partition.single(len(counted)).moments(counted)
    flat = not len(counted) or bool(moments.flat[0])
    mean = float(moments.mean[0]) if len(counted) else 0.0
    divisor = 1.0 if flat else float(moments.divisor(ddof, eps)[0])
    advantages = (everybody - mean) / divisor if not flat or outside else np.zeros(len(everybody))
    own = advantages[: len(rewards)].tolist()
    return {"inject": inject, "advantages": own, "expert_advantage": float(advantages[-1]) if inject else None}


@method(
    "rescue/dataset_reset-v1",
    reach="run",
    inputs="episodes, stored (number of stored states), seed",
    formula="each episode starts from a stored state with probability share, uniformly chosen, else from the beginning "
    "(null)",
    edges="Nothing stored: all from the beginning.",
    source="DR-PO (Dataset Reset Policy Optimization for RLHF)",
)
def dataset_reset(inputs: Mapping[str, Json], *, share: float = 0.5) -> Outputs:
    """Some episodes start where stored ones have been."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)
    episodes, stored = whole_number(inputs, "episodes"), whole_number(inputs, "stored")
    require(episodes <= _MOST_EPISODES, "episodes", f"up to {_MOST_EPISODES}", episodes)
    generator = generator_of(inputs)
    resets = generator.random(episodes) < share
    chosen = generator.integers(max(stored, 1), size=episodes)
    starts: list[Json] = [
        place if reset and stored else None for place, reset in zip(chosen.tolist(), resets.tolist(), strict=True)
    ]
    return {"starts": starts}


GUIDANCE_METHODS = table(exemplar_seed, inpainting, ground_truth_member, dataset_reset)

_MOST_EPISODES = 1_000_000


def _all_failed(inputs: Mapping[str, Json]) -> bool:
    rewards = column_of(inputs, "rewards")
    return len(rewards) > 0 and float(rewards.max()) <= 0.0
