"""Metrics of a run: series over the trainer's steps, made of what stays known of its groups.

A metric reads one group at a time and keeps a few numbers per step, so that a run of any length is read once and in
constant memory per step: ``of(group)`` says what a group adds (None: nothing), ``merge`` adds two such values up, and
``finish`` makes the value of the step (None: there is none).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl

import numpy as np

from assay.sdk.parameters import Parameter, parameters_of
from assay.sdk.samples import Json
from assay_server.estimators.definition import bind, require
from assay_server.estimators.errors import UnknownMethod
from assay_server.estimators.group_facts import GroupFacts
from assay_server.estimators.metrics import expected_gradient, has_variance, pass_at_k

Sums: TypeAlias = "tuple[float, ...]"
_FEWEST_POINTS = 3
_FLAT = 1e-12


def _added(left: Sums, right: Sums) -> Sums:
    return tuple(map(add, left, right))


def _ratio(sums: Sums) -> float | None:
    return sums[0] / sums[1] if sums[1] else None


@dataclass(frozen=True, slots=True)
class RunMetric:
    """A metric with its parameters bound."""

    of: Callable[[GroupFacts], Sums | None]
    merge: Callable[[Sums, Sums], Sums] = _added
    finish: Callable[[Sums], float | None] = _ratio


class UnknownRunMetric(UnknownMethod):
    """No series has this id."""

    kind = "metric of a run"


@dataclass(frozen=True, slots=True)
class DeclaredRunMetric:
    """A metric of runs: ``build(**parameters)`` makes it; its docstring says what it is."""

    id: str
    doc: str
    parameters: tuple[Parameter, ...]
    build: Callable[..., RunMetric]


def find_run_metric(name: str) -> RunMetric:
    """The metric that ``metric/name?parameter=value&...`` names, with or without its version.

    Raises:
        UnknownRunMetric: there is none of this id; carries the nearest ones.
        ParameterError: a parameter is unknown, missing, of the wrong type or out of bounds.
    """
    plain, _, query = name.partition("?")
    declared = RUN_METRICS.get(plain) or RUN_METRICS.get(f"{plain}-v1")
    if declared is None:
        raise UnknownRunMetric(plain, RUN_METRICS)
    texts = {one.name for one in declared.parameters if one.schema.get("type") == "string"}
    given = {key: value if key in texts else _scalar(value) for key, value in parse_qsl(query, keep_blank_values=True)}
    return declared.build(**bind(declared.parameters, given))


def _scalar(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text


# ---------------------------------------------------------------- rewards


def reward_mean() -> RunMetric:
    """Mean reward of the members that count."""
    return _mean_of(lambda group: group.counted_rewards())


def reward_std() -> RunMetric:
    """Standard deviation (ddof 1) of the rewards of the step; none of fewer than two."""

    def of(group: GroupFacts) -> Sums | None:
        rewards = np.array(group.counted_rewards())
        if not len(rewards):
            return None
        mean = float(rewards.mean())
        return float(len(rewards)), mean, float(((rewards - mean) ** 2).sum())

    def merge(left: Sums, right: Sums) -> Sums:
        number = left[0] + right[0]
        shift = right[1] - left[1]
        squares = left[2] + right[2] + shift * shift * left[0] * right[0] / number
        return number, left[1] + shift * right[0] / number, squares

    return RunMetric(of, merge, lambda sums: (sums[2] / (sums[0] - 1.0)) ** 0.5 if sums[0] > 1.0 else None)


def component(*, name: str) -> RunMetric:
    """Mean of a named component of the reward, over the members that have it."""

    def values(group: GroupFacts) -> list[float]:
        column = group.components.get(name, ())
        return [value for value, counts in zip(column, group.counted, strict=False) if counts and value is not None]

    return _mean_of(values)


def reward_r2(*, proxy: str = "", verified: str = "") -> RunMetric:
    """Squared correlation of a proxy with the truth: a component (default: the reward) with another (the verdict).

    None of fewer than 3 points, or where one of them does not vary.
    """

    def of(group: GroupFacts) -> Sums | None:
        pairs = [
            (x, y)
            for place in group.scored()
            if (x := _told(group, proxy, group.rewards, place)) is not None
            and (y := _told(group, verified, group.correct, place)) is not None
        ]
        if not pairs:
            return None
        x, y = np.array(pairs, np.float64).T
        dx, dy = x - x.mean(), y - y.mean()
        return float(len(pairs)), float(x.mean()), float(y.mean()), float(dx @ dx), float(dy @ dy), float(dx @ dy)

    return RunMetric(of, _merged_moments, _squared_correlation)


def _told(group: GroupFacts, name: str, default: Sequence[float | None], place: int) -> float | None:
    column = group.components.get(name) if name else default
    return None if column is None else column[place]


def _merged_moments(left: Sums, right: Sums) -> Sums:
    number = left[0] + right[0]
    share = left[0] * right[0] / number
    dx, dy = right[1] - left[1], right[2] - left[2]
    return (
        number,
        left[1] + dx * right[0] / number,
        left[2] + dy * right[0] / number,
        left[3] + right[3] + dx * dx * share,
        left[4] + right[4] + dy * dy * share,
        left[5] + right[5] + dx * dy * share,
    )


def _squared_correlation(sums: Sums) -> float | None:
    number, x, y, xx, yy, xy = sums
    flat = xx <= number * (_FLAT * max(1.0, abs(x))) ** 2 or yy <= number * (_FLAT * max(1.0, abs(y))) ** 2
    return None if number < _FEWEST_POINTS or flat else min(xy * xy / (xx * yy), 1.0)


# ---------------------------------------------------------------- k samples


def pass_at_k_mean(*, k: int) -> RunMetric:
    """Mean over the groups of ``1 - C(n-c, k) / C(n, k)``; groups with fewer than k members are left out."""
    require(k >= 1, "k", "an integer >= 1", k)

    def of(group: GroupFacts) -> Sums | None:
        judged = group.judged()
        return (pass_at_k(len(judged), sum(judged), k), 1.0) if len(judged) >= k else None

    return RunMetric(of)


def majority_at_k(*, k: int) -> RunMetric:
    """Share of groups whose largest answer class among the first k members is right.

    Equal classes: the first seen. Members without an answer never win. Groups with fewer than k members are left out.
    """
    require(k >= 1, "k", "an integer >= 1", k)

    def of(group: GroupFacts) -> Sums | None:
        places = list(group.scored())[:k]
        if len(places) < k:
            return None
        answers = [answer for place in places if (answer := group.answers[place]) is not None]
        if not answers:
            return 0.0, 1.0
        winner = max(counts := Counter(answers), key=counts.__getitem__)
        first = next(place for place in places if group.answers[place] == winner)
        return float(bool(group.correct[first])), 1.0

    return RunMetric(of)


def average_at_k(*, k: int) -> RunMetric:
    """Mean over the groups of the mean reward of the first k members; smaller groups are left out."""
    require(k >= 1, "k", "an integer >= 1", k)

    def of(group: GroupFacts) -> Sums | None:
        rewards = group.counted_rewards()[:k]
        return (sum(rewards) / k, 1.0) if len(rewards) == k else None

    return RunMetric(of)


def answer_entropy() -> RunMetric:
    """Mean over the groups of the entropy (nats) of the answer classes; those without an answer form one class."""

    def of(group: GroupFacts) -> Sums | None:
        answers = [group.answers[place] for place in group.scored()]
        if not answers:
            return None
        shares = np.array(list(Counter(answers).values())) / len(answers)
        return float(-(shares * np.log(shares)).sum()), 1.0

    return RunMetric(of)


def majority_ratio() -> RunMetric:
    """Mean over the groups of the share of the largest answer class; no answer is no class."""

    def of(group: GroupFacts) -> Sums | None:
        answers = [group.answers[place] for place in group.scored()]
        counts = Counter(answer for answer in answers if answer is not None)
        return (max(counts.values(), default=0) / len(answers), 1.0) if answers else None

    return RunMetric(of)


# ---------------------------------------------------------------- groups


def effective_gradient(*, part: Literal["observed", "expected"] = "observed") -> RunMetric:
    """Share of groups whose rewards differ; ``expected``: mean of ``1 - p^N - (1-p)^N``, p = share of rewards > 0."""

    def of(group: GroupFacts) -> Sums | None:
        rewards = group.counted_rewards()
        if not rewards:
            return None
        return (float(has_variance(rewards)) if part == "observed" else expected_gradient(rewards)), 1.0

    return RunMetric(of)


def group_size(*, part: Literal["mean", "min", "max"] = "mean") -> RunMetric:
    """Members that count, per group."""

    def of(group: GroupFacts) -> Sums:
        return float(sum(group.counted)), 1.0

    if part == "mean":
        return RunMetric(of)
    pick = min if part == "min" else max
    return RunMetric(of, lambda left, right: (pick(left[0], right[0]), 1.0))


def step_groups(*, part: Literal["mean_size", "group_hit_ratio", "step_hit_ratio"] = "mean_size") -> RunMetric:
    """Sizes of step groups: steps per step group, share of step groups (of steps: in step groups) larger than one."""

    def of(group: GroupFacts) -> Sums | None:
        groups = sum(group.step_sizes.values())
        steps = sum(size * count for size, count in group.step_sizes.items())
        lone = group.step_sizes.get(1, 0)
        if not groups:
            return None
        parts: Mapping[str, tuple[int, int]] = {
            "mean_size": (steps, groups),
            "group_hit_ratio": (groups - lone, groups),
            "step_hit_ratio": (steps - lone, steps),
        }
        return float(parts[part][0]), float(parts[part][1])

    return RunMetric(of)


def rejection(*, part: Literal["kept_share", "dropped", "generated"] = "kept_share", reason: str = "") -> RunMetric:
    """What the filters did: share of groups kept, groups dropped (for one reason, where it is named), groups made."""

    def of(group: GroupFacts) -> Sums:
        dropped = not group.kept and (not reason or group.drop_reason == reason)
        return {
            "kept_share": (float(group.kept), 1.0),
            "dropped": (float(dropped), 0.0),
            "generated": (1.0, 0.0),
        }[part]

    return RunMetric(of) if part == "kept_share" else RunMetric(of, finish=lambda sums: sums[0])


def clip_mass(
    *, part: Literal["positive", "negative", "positive_share", "negative_share"] = "positive_share"
) -> RunMetric:
    """Sum of the positive (negative) advantages, and its share of the sum of all magnitudes."""
    place = 0 if part.startswith("positive") else 1

    def share(sums: Sums) -> float | None:
        total = sums[0] - sums[1]
        return abs(sums[place]) / total if total else None

    return RunMetric(lambda group: group.masses, finish=share if part.endswith("share") else lambda sums: sums[place])


# ---------------------------------------------------------------- members and steps


def tool_productivity() -> RunMetric:
    """Right members / tool calls of all members whose calls are known; none where nobody called a tool."""

    def of(group: GroupFacts) -> Sums:
        known = [place for place in group.scored() if group.tool_calls[place] is not None]
        right = sum(bool(group.correct[place]) for place in known)
        return float(right), float(sum(group.tool_calls[place] or 0 for place in known))

    return RunMetric(of)


def tool_calls() -> RunMetric:
    """Mean tool calls of the members that count and whose calls are known."""
    return _mean_of(lambda group: _known(group, group.tool_calls))


def tokens() -> RunMetric:
    """Mean tokens of the members that count and whose length is known."""
    return _mean_of(lambda group: _known(group, group.tokens))


def hint_level() -> RunMetric:
    """Mean hint level of the members that count."""
    return _mean_of(lambda group: _known(group, group.hint_levels))


def _known(group: GroupFacts, column: Sequence[int | None]) -> list[float]:
    return [float(value) for place in group.scored() if (value := column[place]) is not None]


def valid_action() -> RunMetric:
    """Valid actions / actions, over all members."""
    return RunMetric(lambda group: (float(group.steps - group.invalid_steps), float(group.steps)))


def truncated() -> RunMetric:
    """Share of the members that were cut by a limit."""
    return RunMetric(lambda group: (float(sum(group.truncated)), float(len(group.truncated))))


def unscored() -> RunMetric:
    """Share of the members that could not be scored."""
    return RunMetric(lambda group: (float(group.correct.count(None)), float(len(group.correct))))


def hacking(*, constraint: str = "") -> RunMetric:
    """Share of the members that broke a constraint (that one, where it is named), of those that it was asked of."""

    def of(group: GroupFacts) -> Sums | None:
        asked = _asked(group, constraint)
        return (float(sum(broken for _, broken in asked)), float(len(asked))) if asked else None

    return RunMetric(of)


def flawed_positive(*, constraint: str = "") -> RunMetric:
    """Right members that broke a constraint / right members that it was asked of; none where there are none."""

    def of(group: GroupFacts) -> Sums | None:
        right = [broken for place, broken in _asked(group, constraint) if group.correct[place]]
        return (float(sum(right)), float(len(right))) if right else None

    return RunMetric(of)


def _asked(group: GroupFacts, constraint: str) -> list[tuple[int, bool]]:
    """Members of whom the constraints say something, with whether one is broken."""
    names = [constraint] if constraint else list(group.constraints)
    columns = [group.constraints[name] for name in names if name in group.constraints]
    told = ((place, [column[place] for column in columns]) for place in range(len(group.rollout_ids)))
    return [(place, False in flags) for place, flags in told if any(flag is not None for flag in flags)]


def _mean_of(values: Callable[[GroupFacts], Sequence[float]]) -> RunMetric:
    def of(group: GroupFacts) -> Sums | None:
        found = values(group)
        return (sum(found), float(len(found))) if found else None

    return RunMetric(of)


_NAMES: Mapping[str, Callable[..., RunMetric]] = {
    "reward_mean": reward_mean,
    "reward_std": reward_std,
    "pass_at_k": pass_at_k_mean,
    "maj_at_k": majority_at_k,
    "cons_at_k": majority_at_k,
    "avg_at_k": average_at_k,
    "answer_entropy": answer_entropy,
    "majority_ratio": majority_ratio,
    "effective_gradient": effective_gradient,
    "group_size": group_size,
    "step_groups": step_groups,
    "rejection": rejection,
    "clip_mass": clip_mass,
    "tool_productivity": tool_productivity,
    "tool_calls": tool_calls,
    "tokens": tokens,
    "hint_level": hint_level,
    "valid_action": valid_action,
    "truncated": truncated,
    "unscored": unscored,
    "hacking": hacking,
    "flawed_positive": flawed_positive,
    "reward_r2": reward_r2,
    "component": component,
}

RUN_METRICS: Mapping[str, DeclaredRunMetric] = {
    f"metric/{name}-v1": DeclaredRunMetric(
        f"metric/{name}-v1",
        build.__doc__ or "",
        parameters_of(build),
        build,
    )
    for name, build in _NAMES.items()
}
"""Every metric of runs by its versioned id."""

DEFAULT_RUN_METRICS: Sequence[str] = (
    *(name for name, declared in RUN_METRICS.items() if not any(one.required for one in declared.parameters)),
    *(f"metric/pass_at_k-v1?k={k}" for k in (1, 2, 4, 8, 16, 32, 64)),
)
"""What is told where nothing is named: series without any value are left out."""
