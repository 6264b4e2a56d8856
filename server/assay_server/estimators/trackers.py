"""Estimators with a memory per prompt: what they remember goes in, and comes out updated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, mapping, number, text
from assay_server.estimators.columns import LARGEST
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in, whole_number

_PRIOR = 0.5
_NEGLIGIBLE = 1e-12
_LARGEST_COUNT = 1e12


@method(
    "advantage/smooth_cumulative-v1",
    reach="run",
    inputs="rewards of one prompt's rollouts; state {visits, mean, std}",
    formula="the smaller of SA1 = A_tot/i + (1-1/i) A_new and SA2 = A_new/i + (1-1/i) A_tot (equal: SA2), i = visits + "
    "1; A_new with mean m and std s of these rewards, A_tot with mean_t = ((i-1) mean + m)/i and "
    "std_t^2 = ((i-1) std^2 + s^2 + (i-1)/i (m - mean)^2)/i; no eps",
    edges="A std of 0: that A is 0. Fewer than two rollouts: refused. First visit: the state's numbers do not count.",
    source="DCPO (smooth advantage standardisation)",
)
def smooth_cumulative(inputs: Mapping[str, Json], *, ddof: Ddof = 1) -> Outputs:
    """Advantages smoothed over all visits of a prompt."""
    rewards = column_of(inputs, "rewards")
    if len(rewards) < 2:
        raise InputError("rewards", f"expected at least two, got {len(rewards)}")
    state = mapping(given(inputs, "state"), "state")
    visits, mean, std = _visits(state), _in_state(state, "mean", -LARGEST), _in_state(state, "std", 0.0)
    visit = visits + 1
    moments = Partition.single(len(rewards)).moments(rewards)
    own_mean, own_std = float(moments.mean[0]), float(moments.std(ddof)[0])
    if visits == 0:
        mean = std = 0.0
    all_mean = (visits * mean + own_mean) / visit
    all_std = float(np.sqrt((visits * std**2 + own_std**2 + visits / visit * (own_mean - mean) ** 2) / visit))
    if all_std <= _NEGLIGIBLE * max(1.0, abs(all_mean)):
        all_std = 0.0
    new = moments.deviation / own_std if own_std else np.zeros_like(rewards)
    total = (rewards - all_mean) / all_std if all_std else np.zeros_like(rewards)
    first, second = total / visit + (1.0 - 1.0 / visit) * new, new / visit + (1.0 - 1.0 / visit) * total
    advantages = np.where(np.abs(first) < np.abs(second), first, second)
    return {"advantages": advantages.tolist(), "state": {"visits": visit, "mean": all_mean, "std": all_std}}


@method(
    "advantage/single_stream-v1",
    reach="run",
    inputs="rollouts {prompt, reward in [0, 1], alpha, beta, kl_drift}, one per prompt; kl_drift null: no earlier "
    "response",
    formula="raw = r - v, v = alpha / (alpha + beta) before the update, then (raw - mean) / (std + eps) over the "
    "batch; "
    "rho = clip(2^(-kl_drift / half_life), rho_min, rho_max), alpha <- rho alpha + r, beta <- rho beta + 1 - r",
    edges="Batch of one or flat batch: 0; the trackers still move. No earlier response: rho = rho_max. A prompt twice: "
    "refused. No tracker yet: alpha = beta = 0.5.",
    source="SPO (Single-stream Policy Optimization)",
)
def single_stream(
    inputs: Mapping[str, Json],
    *,
    half_life: float = 0.06,
    rho_min: float = 0.875,
    rho_max: float = 0.96,
    ddof: Ddof = 1,
    eps: float = 1e-8,
    normalise: bool = True,
) -> Outputs:
    """Reward relative to a per-prompt tracker of its success rate, normalised over the batch."""
    require(half_life > 0.0, "half_life", "a number > 0", half_life)
    require(0.0 < rho_min <= rho_max <= 1.0, "rho_min", f"a number in (0, rho_max = {rho_max}]", rho_min)
    require_scale(eps)
    rows = Rows(inputs)
    prompts = _prompts(rows)
    rewards = rows.numbers("reward", 0.0, 1.0)
    alpha, beta = _tracked(rows, "alpha"), _tracked(rows, "beta")
    if not (alpha + beta > 0.0).all():
        raise InputError(rows.path(int(np.argmin(alpha + beta)), "alpha"), "expected alpha + beta > 0")
    values = alpha / (alpha + beta)
    raw = rewards - values
    rho = _retention(_drifts(rows), half_life, rho_min, rho_max)
    moments = Partition.single(len(raw)).moments(raw)
    advantages = moments.deviation / moments.divisor(ddof, eps)[0] if normalise else raw
    trackers: list[Json] = [
        {"prompt": prompt, "rho": kept, "alpha": a, "beta": b}
        for prompt, kept, a, b in zip(
            prompts, rho.tolist(), (rho * alpha + rewards).tolist(), (rho * beta + 1.0 - rewards).tolist(), strict=True
        )
    ]
    return {
        "values": values.tolist(),
        "raw": raw.tolist(),
        "advantages": advantages.tolist(),
        "trackers": trackers,
    }


@method(
    "tracker/warm_start-v1",
    reach="run",
    inputs="outcomes in [0, 1] of a prompt's offline rollouts",
    formula="alpha = N0 (s + 0.5) / (n + 1), beta = N0 (n - s + 0.5) / (n + 1), N0 = 1 / (1 - rho_min), s = sum of n "
    "outcomes",
    edges="No outcomes: alpha = beta = 0.5.",
    source="SPO (Single-stream Policy Optimization)",
)
def warm_start(inputs: Mapping[str, Json], *, rho_min: float = 0.875) -> Outputs:
    """A prompt's tracker made from offline outcomes."""
    require(0.0 <= rho_min < 1.0, "rho_min", "a number in [0, 1)", rho_min)
    outcomes = column_of(inputs, "outcomes", 0.0, 1.0)
    if not len(outcomes):
        return {"alpha": _PRIOR, "beta": _PRIOR}
    successes, number_ = float(outcomes.sum()), len(outcomes)
    weight = 1.0 / (1.0 - rho_min) / (number_ + 1)
    return {"alpha": weight * (successes + _PRIOR), "beta": weight * (number_ - successes + _PRIOR)}


@method(
    "reward/running_normaliser-v1",
    reach="run",
    inputs="rewards; state {count, mean, m2}, m2 the sum of squared deviations",
    formula="clip((r - mean) / std, -clip, clip), mean and std (ddof 1) over everything seen, these rewards included",
    edges="Fewer than two values seen, or all equal: 0. The raw rewards are not changed.",
    source="PPO-max (Secrets of RLHF in Large Language Models, part I)",
    verify="whether the state takes the rewards in before or after they are scaled",
)
def running_normaliser(inputs: Mapping[str, Json], *, clip: float = 5.0) -> Outputs:
    """Rewards in units of the run's own standard deviation."""
    require(clip > 0.0, "clip", "a number > 0", clip)
    rewards = column_of(inputs, "rewards")
    state = mapping(given(inputs, "state"), "state")
    count = whole_number(state, "count")
    mean, squares = (0.0, 0.0) if count == 0 else (number_in(state, "mean"), number_in(state, "m2", 0.0))
    moments = Partition.single(len(rewards)).moments(rewards)
    total = count + len(rewards)
    shift = float(moments.mean[0]) - mean
    if len(rewards):
        mean += shift * len(rewards) / total
        squares += float(moments.sum_of_squares[0]) + shift**2 * count * len(rewards) / total
    std = float(np.sqrt(squares / (total - 1))) if total > 1 else 0.0
    scaled = np.clip((rewards - mean) / std, -clip, clip) if std > _NEGLIGIBLE * max(1.0, abs(mean)) else 0.0 * rewards
    return {"rewards": scaled.tolist(), "state": {"count": total, "mean": mean, "m2": squares}}


TRACKER_METHODS = table(smooth_cumulative, single_stream, warm_start, running_normaliser)


def _visits(state: Mapping[str, Json]) -> int:
    try:
        return whole_number(state, "visits")
    except InputError as error:
        raise InputError(f"state.{error.field}", error.message) from error


def _in_state(state: Mapping[str, Json], name: str, low: float) -> float:
    value = number(given(state, name, "state."), f"state.{name}")
    if not low <= value <= LARGEST:
        raise InputError(f"state.{name}", f"expected {low:g} to {LARGEST:g}, got {value:g}")
    return value


def _prompts(rows: Rows) -> list[str]:
    prompts = [text(value, rows.path(place, "prompt")) for place, value in enumerate(rows.values("prompt"))]
    seen: set[str] = set()
    for place, prompt in enumerate(prompts):
        if prompt in seen:
            raise InputError(rows.path(place, "prompt"), f"{prompt!r} came twice: one rollout per prompt")
        seen.add(prompt)
    return prompts


def _tracked(rows: Rows, name: str) -> Floats:
    """The prior where a prompt has no tracker yet: neither ``alpha`` nor ``beta``."""
    values = [
        number(given(item, name, rows.path(place, "")), rows.path(place, name))
        if "alpha" in item or "beta" in item
        else _PRIOR
        for place, item in enumerate(rows.items)
    ]
    return rows.bounded(np.array(values, np.float64), name, 0.0, _LARGEST_COUNT)


def _drifts(rows: Rows) -> Floats:
    """NaN where there was no earlier response."""
    found = np.full(len(rows), np.nan)
    for place, item in enumerate(rows.items):
        value = item.get("kl_drift")
        if value is not None:
            found[place] = number(value, rows.path(place, "kl_drift"))
    return rows.bounded(found, "kl_drift", 0.0, LARGEST)


def _retention(drifts: Floats, half_life: float, low: float, high: float) -> Floats:
    known = np.where(np.isnan(drifts), 0.0, drifts)
    return np.where(np.isnan(drifts), high, np.clip(np.exp2(-known / half_life), low, high))
