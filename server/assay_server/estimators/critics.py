"""Generalised advantage estimation of one rollout from a critic's values, over tokens or over actions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.returns import discounted_returns
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of


@method(
    "advantage/gae-v1",
    reach="sample",
    inputs="rewards, values (one each), truncated",
    formula="A_t = delta_t + gamma lam A_(t+1), delta_t = r_t + gamma V_(t+1) - V_t; returns A + V",
    edges="Finished: V after the last = 0. truncated: V after the last = V of the last, and its outcome reward is not "
    "yet among the rewards. No steps: empty.",
    source="GAE; the cut: T-PPO (Truncated Proximal Policy Optimization)",
    verify="the value at the cut (reported, not read)",
)
def gae(inputs: Mapping[str, Json], *, gamma: float = 1.0, lam: float = 0.95) -> Outputs:
    """Generalised advantage estimation, also of a rollout that was cut."""
    require(0.0 <= gamma <= 1.0, "gamma", "a number in [0, 1]", gamma)
    require(0.0 <= lam <= 1.0, "lam", "a number in [0, 1]", lam)
    rewards, values = column_of(inputs, "rewards"), column_of(inputs, "values")
    if len(rewards) != len(values):
        raise InputError("values", f"expected one for each of {len(rewards)} rewards, got {len(values)}")
    truncated = boolean(inputs.get("truncated", False), "truncated")
    following = np.append(values[1:], values[-1:] if truncated else np.zeros(len(values[-1:])))
    deltas = rewards + gamma * following - values
    advantages = discounted_returns(deltas, np.array([len(deltas)], np.intp), gamma * lam)
    return {"advantages": advantages.tolist(), "returns": (advantages + values).tolist()}


@method(
    "advantage/action_decomposed_gae-v1",
    reach="sample",
    inputs="steps [{values per token, reward}], done, bootstrap_value where not done",
    formula="inside an action delta = V_(j+1) - V_j with decay lam; its last token delta = r + gamma V(next action) - "
    "V "
    "with decay gamma lam",
    edges="done: nothing follows the last action. Not done without bootstrap_value, or an action without tokens: "
    "refused. discount_inside: gamma at every token (the plain token version).",
    source="POAD (Policy Optimization with Action Decomposition)",
)
def action_decomposed_gae(
    inputs: Mapping[str, Json], *, gamma: float = 0.99, lam: float = 0.95, discount_inside: bool = False
) -> Outputs:
    """Advantages of tokens where time passes between actions, not between the tokens of one."""
    require(0.0 <= gamma <= 1.0, "gamma", "a number in [0, 1]", gamma)
    require(0.0 <= lam <= 1.0, "lam", "a number in [0, 1]", lam)
    rows = Rows(inputs, "steps")
    rewards = rows.numbers("reward")
    values = [numbers_of(value, rows.path(place, "values")) for place, value in enumerate(rows.values("values"))]
    for place, tokens in enumerate(values):
        if not len(tokens):
            raise InputError(rows.path(place, "values"), "expected a value for at least one token")
    done = boolean(given(inputs, "done"), "done")
    bootstrap = 0.0 if done else number_in(inputs, "bootstrap_value")
    if not values:
        return {"advantages": []}
    flat = np.concatenate(values)
    last = np.cumsum([len(tokens) for tokens in values]) - 1
    discount = np.full(len(flat), gamma if discount_inside else 1.0)
    discount[last] = gamma
    earned = np.zeros(len(flat))
    earned[last] = rewards
    deltas = earned + discount * np.append(flat[1:], bootstrap) - flat
    advantages = _accumulated(deltas, discount * lam)
    return {"advantages": [part.tolist() for part in np.split(advantages, last[:-1] + 1)]}


CRITIC_METHODS = table(gae, action_decomposed_gae)


def _accumulated(deltas: Floats, decays: Floats) -> Floats:
    """``A_t = delta_t + decay_t A_(t+1)``; the decays differ, so there is no closed form that stays exact."""
    found: list[float] = []
    following = 0.0
    for delta, decay in zip(reversed(deltas.tolist()), reversed(decays.tolist()), strict=True):
        following = delta + decay * following
        found.append(following)
    return np.array(found[::-1])
