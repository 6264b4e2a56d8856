"""Tool efficiency: right answers earn more the fewer tools they called. Calls are counted by the server."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given, mapping
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.groups import Floats
from assay_server.estimators.rows import Rows, whole_number


@method(
    "reward/otc_ppo-v1",
    reach="sample",
    inputs="tool_calls, correct",
    formula="alpha cos(m pi / (2m + smooth)) if correct, else 0; m = tool calls",
    edges="m = 0: 1. smooth has no default.",
    source="OTC (Optimal Tool Calls via Reinforcement Learning)",
    verify="the formula (reported)",
)
def otc_ppo(inputs: Mapping[str, Json], *, smooth: float, alpha: float = 1.0) -> Outputs:
    """Reward of a right answer that falls with the number of its tool calls."""
    _require(smooth, alpha)
    calls = np.array([whole_number(inputs, "tool_calls")], np.float64)
    efficiency = float(_without_minimum(calls, smooth)[0])
    correct = boolean(given(inputs, "correct"), "correct")
    return {"tool_reward": efficiency, "reward": alpha * efficiency if correct else 0.0}


@method(
    "reward/otc_grpo-v1",
    reach="run",
    inputs="rollouts {group, correct, tool_calls}; known_minimum {group: fewest calls so far or null}, may be left out",
    formula="n = fewest calls of a correct member, ever; n = 0: 1 if m = 0 else cos(m pi / (2m + smooth)); "
    "else sin(f pi / 2n), f = 2mn / (m + n); times alpha if correct, else 0",
    edges="No correct member and nothing known: n stays null. n never rises. m = n: 1. smooth has no default.",
    source="OTC (Optimal Tool Calls via Reinforcement Learning)",
    verify="the formula (reported)",
)
def otc_grpo(inputs: Mapping[str, Json], *, smooth: float, alpha: float = 1.0) -> Outputs:
    """Reward of a right answer relative to the fewest tool calls that ever sufficed for its prompt."""
    _require(smooth, alpha)
    rows = Rows(inputs)
    calls, correct, index = rows.counts("tool_calls"), rows.flags("correct"), rows.partition.index
    fewest = _known(inputs, rows.names)
    np.minimum.at(fewest, index[correct], calls[correct])
    known = np.where(np.isfinite(fewest), fewest, 0.0)
    bound = known[index]
    both = np.maximum(calls + bound, 1.0)
    efficiency = np.where(
        bound > 0.0, np.sin(calls / both * np.pi), _without_minimum(calls, smooth)
    )  # f pi / 2n = m pi / (m + n)
    minimum: dict[str, Json] = {
        name: int(value) if np.isfinite(value) else None
        for name, value in zip(rows.names, fewest.tolist(), strict=True)
    }
    return {"minimum": minimum, "rewards": np.where(correct, alpha * efficiency, 0.0).tolist()}


TOOL_METHODS = table(otc_ppo, otc_grpo)


def _require(smooth: float, alpha: float) -> None:
    require(smooth >= 0.0, "smooth", "a number >= 0", smooth)
    require(alpha >= 0.0, "alpha", "a number >= 0", alpha)


def _without_minimum(calls: Floats, smooth: float) -> Floats:
    called = calls > 0.0
    return np.where(called, np.cos(calls * np.pi / np.where(called, 2.0 * calls + smooth, 1.0)), 1.0)


def _known(inputs: Mapping[str, Json], names: list[str]) -> Floats:
    """Per group the fewest calls so far; infinite where unknown."""
    known = mapping(inputs.get("known_minimum") or {}, "known_minimum")
    found = np.full(len(names), np.inf)
    for place, name in enumerate(names):
        if known.get(name) is not None:
            found[place] = whole_number({f"known_minimum.{name}": known[name]}, f"known_minimum.{name}")
    return found
