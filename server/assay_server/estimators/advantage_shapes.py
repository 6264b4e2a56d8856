"""What is added to or multiplied with advantages after they have been normalised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import number
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows

_LARGEST_EXPONENT = 700.0


@method(
    "shape/tool_position-v1",
    reach="group",
    inputs="rollouts {group, advantage, correct, first_tool_position (null: no call), length}",
    formula="A += clip(delta (p - mean p) / mean length, -cap |A|, cap |A|), over the correct members that called a "
    "tool",
    edges="Others are unchanged; a lone such member too. delta < 0 rewards early calls. Missing length: refused.",
    source="ASPO (Understanding Tool-Integrated Reasoning)",
    verify="the constants and the set that is averaged over",
)
def tool_position(inputs: Mapping[str, Json], *, delta: float = -2.0, cap: float = 0.7) -> Outputs:
    """Advantages moved by how early a right answer called its first tool."""
    require(cap >= 0.0, "cap", "a number >= 0", cap)
    rows = Rows(inputs)
    advantages, lengths = rows.numbers("advantage"), rows.lengths()
    position = _positions(rows)
    callers = np.flatnonzero(rows.flags("correct") & ~np.isnan(position))
    among = Partition(rows.partition.index[callers], rows.partition.count)
    mean_length = among.moments(lengths[callers]).mean[among.index]
    alone = among.size[among.index] == 1
    empty = np.flatnonzero((mean_length <= 0.0) & ~alone)
    if len(empty):
        raise InputError(rows.path(int(callers[empty[0]]), "length"), "expected a positive mean length")
    bound = cap * np.abs(advantages[callers])
    shaped = advantages.copy()
    earlier = among.moments(position[callers]).deviation / np.where(alone, 1.0, mean_length)
    shaped[callers] += np.clip(delta * earlier, -bound, bound)
    return {"advantages": shaped.tolist()}


@method(
    "shape/novelty_sharpen-v1",
    reach="group",
    inputs="rollouts {group, advantage, correct, logprob}, logprob normalised by length",
    formula="eta = exp(logprob - mean of the group); correct members with A > 0: A += min(max(strength (1 - eta), 0), "
    "cap A)",
    edges="Wrong members and A <= 0: unchanged. strength and cap have no default.",
    source="XRPO",
    verify="the formula; that unlikely right answers are amplified is certain",
)
def novelty_sharpen(inputs: Mapping[str, Json], *, strength: float, cap: float) -> Outputs:
    """Larger advantages for right answers that the policy thought unlikely."""
    require(strength >= 0.0, "strength", "a number >= 0", strength)
    require(cap >= 0.0, "cap", "a number >= 0", cap)
    rows = Rows(inputs)
    advantages = rows.numbers("advantage")
    relative = rows.partition.moments(rows.numbers("logprob")).deviation
    eta = np.exp(np.minimum(relative, _LARGEST_EXPONENT))
    bonus = np.minimum(np.maximum(strength * (1.0 - eta), 0.0), cap * advantages)
    chosen = rows.flags("correct") & (advantages > 0.0)
    return {"eta": eta.tolist(), "advantages": (advantages + np.where(chosen, bonus, 0.0)).tolist()}


@method(
    "shape/entropy_bonus-v1",
    reach="group",
    inputs="rollouts {group, advantage, entropy}",
    formula="egpo: A + min(alpha H, |A| / kappa); aepo: A (1 + alpha A_H), A_H = (H - mean) / (std + eps) in the group",
    edges="A negative entropy: refused. aepo in a flat or lone group: unchanged.",
    source="EGPO (Exploring Superior Function Calls), AEPO (Agentic Entropy-Balanced Policy Optimization)",
    verify="both formulas and their constants",
)
def entropy_bonus(
    inputs: Mapping[str, Json],
    *,
    form: Literal["egpo", "aepo"] = "egpo",
    alpha: float = 0.4,
    kappa: float = 2.0,
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Outputs:
    """Advantages that favour rollouts with more entropy."""
    require(kappa > 0.0, "kappa", "a number > 0", kappa)
    require_scale(eps)
    rows = Rows(inputs)
    advantages, entropy = rows.numbers("advantage"), rows.numbers("entropy", 0.0)
    if form == "egpo":
        return {"advantages": (advantages + np.minimum(alpha * entropy, np.abs(advantages) / kappa)).tolist()}
    moments = rows.partition.moments(entropy)
    relative = moments.deviation / moments.divisor(ddof, eps)[rows.partition.index]
    return {"advantages": (advantages * (1.0 + alpha * relative)).tolist()}


@method(
    "shape/external_multiplier-v1",
    reach="sample",
    inputs="rollouts {advantage, factor}, the factor from the trainer",
    formula="A clip(factor, 1 / cap, cap)",
    edges="A factor that is not positive: refused. Both the factor used and the advantage are returned.",
    source="VERL (Beyond the Exploration-Exploitation Trade-off)",
)
def external_multiplier(inputs: Mapping[str, Json], *, cap: float = 2.0) -> Outputs:
    """Advantages times a factor that the trainer computed."""
    require(cap >= 1.0, "cap", "a number >= 1", cap)
    rows = Rows(inputs)
    factors = rows.numbers("factor", np.nextafter(0.0, 1.0))
    used = np.clip(factors, 1.0 / cap, cap)
    return {"factors": used.tolist(), "advantages": (rows.numbers("advantage") * used).tolist()}


SHAPE_METHODS = table(tool_position, novelty_sharpen, entropy_bonus, external_multiplier)


def _positions(rows: Rows) -> Floats:
    """NaN where no tool was called."""
    found = np.full(len(rows), np.nan)
    for place, item in enumerate(rows.items):
        value = item.get("first_tool_position")
        if value is not None:
            found[place] = number(value, rows.path(place, "first_tool_position"))
    return rows.bounded(found, "first_tool_position", 0.0, np.inf)
