"""What a run remembers of its prompts, and how a batch changes it. Pure: a state goes in, the next comes out.

Updates are applied in the order of (global_step, group_id) within a batch, batch after batch, so the state does not
depend on which rank sent what, nor on when it came.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias, cast

from assay.sdk.parameters import parameters_of
from assay.sdk.samples import Json
from assay_server.estimators.columns import LARGEST
from assay_server.estimators.definition import bind, require
from assay_server.estimators.group_facts import GroupFacts
from assay_server.estimators.groups import Role
from assay_server.estimators.risk import quantile_sgd
from assay_server.sampling.rescue import hint_tiers

_LEVELS = 19
_HIGHEST_HINT = 12


@dataclass(frozen=True, slots=True)
class StatePolicy:
    """How a run's state moves.

    Attributes:
        half_life: of the trackers, with ``rho_min`` and ``rho_max`` (``advantage/single_stream``).
        drift_signal: the signal that tells how far the policy moved on a prompt; empty = none: rho_max.
        gradient_signal: the signal of a rollout's gradient norm, for ``allocate/gradient_variance``; empty = none.
        history: so many of a prompt's newest rewards and verdicts are remembered.
        replay: so many of its newest successes are (``rescue/replay_injection``), if worth more than
            ``replay_above``.
        quantile_lr: step of the quantiles of the run's rewards (``tracker/quantile_sgd``).
        hint_start: hints are given after this global step (``rescue/hint_tiers``).
    """

    half_life: float = 0.06
    rho_min: float = 0.875
    rho_max: float = 0.96
    drift_signal: str = ""
    gradient_signal: str = ""
    history: int = 32
    replay: int = 8
    replay_above: float = 0.1
    quantile_lr: float = 0.1
    hint_start: int = 50

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that it reads."""
        return tuple(name for name in (self.drift_signal, self.gradient_signal) if name)


def state_policy(params: Mapping[str, Json]) -> StatePolicy:
    """The policy of a run's ``state_policy``.

    Raises:
        ParameterError: a parameter is unknown, of the wrong type or out of bounds.
    """
    build: Callable[..., StatePolicy] = _policy
    return build(**bind(parameters_of(build), params))


def _policy(
    *,
    half_life: float = 0.06,
    rho_min: float = 0.875,
    rho_max: float = 0.96,
    drift_signal: str = "",
    gradient_signal: str = "",
    history: int = 32,
    replay: int = 8,
    replay_above: float = 0.1,
    quantile_lr: float = 0.1,
    hint_start: int = 50,
) -> StatePolicy:
    require(half_life > 0.0, "half_life", "a number > 0", half_life)
    require(0.0 < rho_min <= rho_max <= 1.0, "rho_min", f"a number in (0, rho_max = {rho_max}]", rho_min)
    require(1 <= history <= 1024, "history", "an integer from 1 to 1024", history)
    require(0 <= replay <= 64, "replay", "an integer from 0 to 64", replay)
    require(quantile_lr > 0.0, "quantile_lr", "a number > 0", quantile_lr)
    require(hint_start >= 0, "hint_start", "an integer >= 0", hint_start)
    return StatePolicy(
        half_life, rho_min, rho_max, drift_signal, gradient_signal, history, replay, replay_above, quantile_lr,
        hint_start,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PromptState:
    """What is remembered of one prompt.

    Attributes:
        visits: groups seen; ``last_step`` is the global step of the newest.
        alpha: with ``beta`` the tracker of its success rate.
        mean: with ``std`` over all visits, as ``advantage/smooth_cumulative`` keeps them.
        rewards: the newest, oldest first; ``correct`` says which of them were right.
        best_tool_calls: fewest of a right member; None = nobody was right yet. Never rises.
        successes: rollout ids of the newest successes, oldest first.
        hint_level: the level that the next rollouts are to be given; 0 = none.
        hint_helped: the lowest level with which somebody was right; 0 = none.
        gradient_norm: mean of the newest group that told it.
    """

    visits: int = 0
    last_step: int = 0
    alpha: float = 0.5
    beta: float = 0.5
    mean: float = 0.0
    std: float = 0.0
    rewards: tuple[float, ...] = ()
    correct: tuple[bool, ...] = ()
    best_tool_calls: int | None = None
    successes: tuple[str, ...] = ()
    hint_level: int = 0
    hint_helped: int = 0
    gradient_norm: float | None = None

    @property
    def value(self) -> float:
        """The tracked success rate, in [0, 1]."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def pass_rate(self) -> float:
        """Share of the remembered rollouts that were right; 0.5 where none was seen."""
        return sum(self.correct) / len(self.correct) if self.correct else 0.5


NEW_PROMPT = PromptState()
Prompts: TypeAlias = "Mapping[str, PromptState]"


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run remembers.

    Attributes:
        batches: finished barriers that made it.
        groups: groups in them.
        quantiles: of the rewards, at the levels 0.05, 0.10 .. 0.95.
        prompts: by prompt id; groups without one are not remembered.
    """

    batches: int = 0
    groups: int = 0
    quantiles: tuple[float, ...] = (0.0,) * _LEVELS
    prompts: Prompts = field(default_factory=lambda: MappingProxyType({}))

    def prompt(self, prompt_id: str) -> PromptState:
        """What is remembered of a prompt; the beginning where nothing is."""
        return self.prompts.get(prompt_id, NEW_PROMPT)

    def to_bytes(self) -> bytes:
        """The state in canonical form: equal states give equal bytes."""
        told = {
            "version": 1,
            "batches": self.batches,
            "groups": self.groups,
            "quantiles": list(self.quantiles),
            "prompts": {name: _written(prompt) for name, prompt in self.prompts.items()},
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    @property
    def digest(self) -> str:
        """sha256 of the canonical form, hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _written(prompt: PromptState) -> dict[str, object]:
    return {name: getattr(prompt, name) for name in PromptState.__slots__}


class Remembering:
    """A run's state while batches are applied to it; not shared."""

    def __init__(self, policy: StatePolicy) -> None:
        self._policy = policy
        self._prompts: dict[str, PromptState] = {}
        self._state = RunState(prompts=self._prompts)

    @property
    def state(self) -> RunState:
        """The state now; a later batch changes its prompts."""
        return self._state

    def apply(self, batch: Iterable[tuple[str, GroupFacts]]) -> None:
        """Apply the groups of one finished barrier, by id, in whatever order they come."""
        groups = [facts for _, facts in sorted(batch, key=lambda one: (one[1].global_step, one[0]))]
        for facts in groups:
            if facts.prompt_id:
                before = self._prompts.get(facts.prompt_id, NEW_PROMPT)
                self._prompts[facts.prompt_id] = after_group(before, facts, self._policy)
        self._state = replace(
            self._state,
            batches=self._state.batches + 1,
            groups=self._state.groups + len(groups),
            quantiles=_quantiles(self._state.quantiles, groups, self._policy.quantile_lr),
        )


def after_group(prompt: PromptState, facts: GroupFacts, policy: StatePolicy) -> PromptState:
    """A prompt's state after one of its groups. A group in which nobody counts changes nothing but the hints."""
    places = [place for place in facts.scored() if abs(facts.rewards[place] or 0.0) <= LARGEST]
    rewards = [facts.rewards[place] or 0.0 for place in places]
    right = [bool(facts.correct[place]) for place in places]
    level, helped = _hints(prompt, facts, rewards, policy.hint_start)
    if not places:
        return replace(prompt, hint_level=level, hint_helped=helped)
    alpha, beta = _tracked(prompt, right, _mean_signal(facts, policy.drift_signal, places), policy)
    mean, std = _cumulated(prompt, rewards)
    norm = _mean_signal(facts, policy.gradient_signal, places)
    return PromptState(
        visits=prompt.visits + 1,
        last_step=max(prompt.last_step, facts.global_step),
        alpha=alpha,
        beta=beta,
        mean=mean,
        std=std,
        rewards=(*prompt.rewards, *rewards)[-policy.history :],
        correct=(*prompt.correct, *right)[-policy.history :],
        best_tool_calls=_fewest(prompt.best_tool_calls, facts, places),
        successes=_successes(prompt, facts, policy),
        hint_level=level,
        hint_helped=helped,
        gradient_norm=prompt.gradient_norm if norm is None else norm,
    )


def _quantiles(quantiles: tuple[float, ...], groups: Sequence[GroupFacts], lr: float) -> tuple[float, ...]:
    scores = [reward for facts in groups for reward in facts.counted_rewards() if abs(reward) <= LARGEST]
    moved = quantile_sgd({"lr": lr}, {"quantiles": list(quantiles), "scores": cast("list[Json]", scores)})
    return tuple(cast("list[float]", moved["quantiles"]))


def _tracked(
    prompt: PromptState, right: Sequence[bool], drift: float | None, policy: StatePolicy
) -> tuple[float, float]:
    """The tracker after one outcome, as ``advantage/single_stream`` moves it: the share of members that were right."""
    outcome, rho = sum(right) / len(right), policy.rho_max
    if drift is not None and drift >= 0.0:
        rho = min(max(2.0 ** (-drift / policy.half_life), policy.rho_min), policy.rho_max)
    return rho * prompt.alpha + outcome, rho * prompt.beta + 1.0 - outcome


def _cumulated(prompt: PromptState, rewards: Sequence[float]) -> tuple[float, float]:
    """Mean and std over all visits, as ``advantage/smooth_cumulative`` keeps them; a lone reward has std 0."""
    own = math.fsum(rewards) / len(rewards)
    square = math.fsum((reward - own) ** 2 for reward in rewards) / max(len(rewards) - 1, 1)
    visits, visit = prompt.visits, prompt.visits + 1
    mean = (visits * prompt.mean + own) / visit
    between = visits / visit * (own - prompt.mean) ** 2 if visits else 0.0
    return mean, math.sqrt((visits * prompt.std**2 + square + between) / visit)


def _mean_signal(facts: GroupFacts, name: str, places: Sequence[int]) -> float | None:
    column = facts.signals.get(name) if name else None
    known = [] if column is None else [value for place in places if (value := column[place]) is not None]
    return sum(known) / len(known) if known else None


def _fewest(best: int | None, facts: GroupFacts, places: Sequence[int]) -> int | None:
    calls = [number for place in places if facts.correct[place] and (number := facts.tool_calls[place]) is not None]
    return min([*calls, *([] if best is None else [best])], default=None)


def _successes(prompt: PromptState, facts: GroupFacts, policy: StatePolicy) -> tuple[str, ...]:
    found = [
        facts.rollout_ids[place]
        for place, reward in enumerate(facts.rewards)
        if reward is not None and reward > policy.replay_above and facts.roles[place] is not Role.REPLAY
    ]
    return (*prompt.successes, *found)[-policy.replay :] if policy.replay else ()


def _hints(prompt: PromptState, facts: GroupFacts, rewards: Sequence[float], start: int) -> tuple[int, int]:
    """The level for the next rollouts, and the lowest that helped.

    Hints rise one level whenever a whole group fails (after the first steps), stay where one helped, and end when the
    policy succeeds without.
    """
    levels = [min(level, _HIGHEST_HINT) for level in facts.hint_levels]
    helped: list[int] = [level for level, right in zip(levels, facts.correct, strict=True) if right and level]
    if prompt.hint_helped:
        helped.append(prompt.hint_helped)
    lowest = min(helped, default=0)
    if any(facts.correct[place] for place in facts.scored() if not levels[place]):
        return 0, lowest
    if lowest or not rewards:
        return lowest or prompt.hint_level, lowest
    failed: list[Json] = [False] * max(levels)
    inputs: dict[str, Json] = {"rewards": list(rewards), "global_step": facts.global_step, "succeeded": failed}
    level = hint_tiers({"start_step": start}, inputs)["level"]
    return max(prompt.hint_level, cast("int", level or 0)), lowest
