"""Which prompts come next, and how many rollouts each of them gets, by what a run remembers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np

from assay.sdk.parameters import parameters_of
from assay.sdk.samples import Json
from assay_server.estimators.case_values import mapping, text
from assay_server.estimators.definition import bind, require
from assay_server.estimators.errors import InputError, UnknownMethod
from assay_server.estimators.groups import Floats
from assay_server.sampling.allocation import (
    gradient_variance,
    knapsack,
    largest_remainders,
    tracker_priority,
    uncertainty_phased,
    variance_promotion,
)
from assay_server.sampling.filters import RewardSummary, passrate_band
from assay_server.sampling.run_state import PromptState

MOST_PROMPTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that may be chosen. ``difficulty`` in [0, 1]; 0 = unknown."""

    prompt_id: str
    known: PromptState
    difficulty: float = 0.0


@dataclass(frozen=True, slots=True)
class Draw:
    """A question for prompts: how many, at which step, by which chance."""

    count: int
    global_step: int
    seed: int

    def generator(self) -> np.random.Generator:
        """The same question is answered the same."""
        return np.random.default_rng([self.seed, self.global_step])


Chosen: TypeAlias = "tuple[list[int], list[float]]"
"""Places of the chosen candidates, in the order of their choice, and the weight of each."""

Sampling: TypeAlias = "Callable[[Sequence[Candidate], Draw], Chosen]"


class UnknownSampling(UnknownMethod):
    """No sampling policy has this id."""

    kind = "sampling policy"


class UnknownAllocator(UnknownMethod):
    """No allocator that works on a run's state has this id."""

    kind = "allocator"


def compile_sampling(policy: Mapping[str, Json]) -> Sampling:
    """A run's sampling policy, ``{"id": ..., "params": {...}}``; empty: all prompts alike.

    Raises:
        UnknownSampling: no such id; carries the nearest ones.
        ParameterError: a parameter is unknown, missing, of the wrong type or out of bounds.
        InputError: the policy is not of this form.
    """
    unknown = sorted(set(policy) - {"id", "params"})
    if unknown:
        raise InputError(unknown[0], "expected id and params only")
    name, params = text(policy.get("id", "sample/uniform"), "id"), mapping(policy.get("params", {}), "params")
    build = SAMPLINGS.get(name) or SAMPLINGS.get(f"{name}-v1")
    if build is None:
        raise UnknownSampling(name, SAMPLINGS)
    return build(**bind(parameters_of(build), params))


def uniform() -> Sampling:
    """All prompts alike."""
    return lambda candidates, draw: _drawn(np.ones(len(candidates)), draw)


def by_tracker(*, epsilon: float = 0.05) -> Sampling:
    """Prompts of uncertain outcome more often: weight ``sqrt(v (1-v)) + epsilon``, v = the tracked success rate."""
    require(epsilon >= 0.0, "epsilon", "a number >= 0", epsilon)

    def choose(candidates: Sequence[Candidate], draw: Draw) -> Chosen:
        values: list[Json] = [candidate.known.value for candidate in candidates]
        told = tracker_priority({"epsilon": epsilon}, {"values": values})
        return _drawn(np.array(cast("list[float]", told["weights"])), draw)

    return choose


def by_variance(*, share: float = 0.5) -> Sampling:
    """A share of the batch by p (1-p), p = the remembered pass rate, the rest by chance."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)

    def choose(candidates: Sequence[Candidate], draw: Draw) -> Chosen:
        rates: list[Json] = [candidate.known.pass_rate for candidate in candidates]
        seed = int(draw.generator().integers(2**62))
        told = variance_promotion({"share": share}, {"pass_rates": rates, "batch": draw.count, "seed": seed})
        chosen = [*cast("list[int]", told["promoted"]), *cast("list[int]", told["uniform"])]
        scores = cast("list[float]", told["scores"])
        return chosen, [scores[place] for place in chosen]

    return choose


def by_pass_rate(*, low: float = 0.2, high: float = 0.8) -> Sampling:
    """Prompts whose remembered pass rate is in the band, or that were not seen yet; others only where these run out.

    The others come nearest to the band first.
    """
    rule = passrate_band(low=low, high=high)

    def outside(candidate: Candidate) -> float:
        rate = candidate.known.pass_rate
        fits = not candidate.known.visits or not rule(RewardSummary.of([rate]))
        return 0.0 if fits else max(low - rate, rate - high)

    def choose(candidates: Sequence[Candidate], draw: Draw) -> Chosen:
        distance = np.array([outside(candidate) for candidate in candidates])
        shuffled = draw.generator().permutation(len(candidates))
        order = shuffled[np.argsort(distance[shuffled], kind="stable")][: draw.count]
        return order.tolist(), [float(distance[place] == 0.0) for place in order.tolist()]

    return choose


def by_difficulty(*, until: list[int], highest: list[float]) -> Sampling:
    """Stages: up to step ``until[i]`` only prompts of difficulty <= ``highest[i]``; afterwards all.

    A prompt of unknown difficulty is in every stage; where a stage has too few, the next easiest follow.
    """
    require(len(until) == len(highest), "highest", f"one for each of {len(until)} stages", highest)
    require(sorted(set(until)) == until, "until", "rising steps", until)

    def choose(candidates: Sequence[Candidate], draw: Draw) -> Chosen:
        stage = next((place for place, step in enumerate(until) if draw.global_step <= step), None)
        limit = 1.0 if stage is None else highest[stage]
        above = np.array([max(candidate.difficulty - limit, 0.0) for candidate in candidates])
        shuffled = draw.generator().permutation(len(candidates))
        order = shuffled[np.argsort(above[shuffled], kind="stable")][: draw.count]
        return order.tolist(), [float(above[place] == 0.0) for place in order.tolist()]

    return choose


SAMPLINGS: Mapping[str, Callable[..., Sampling]] = {
    "sample/uniform-v1": uniform,
    "sample/tracker_priority-v1": by_tracker,
    "sample/variance_promotion-v1": by_variance,
    "sample/passrate_band-v1": by_pass_rate,
    "sample/curriculum_stage-v1": by_difficulty,
}
"""Every sampling policy by its versioned id."""


def sample(policy: Sampling, candidates: Sequence[Candidate], draw: Draw) -> Chosen:
    """Different prompts, as many as are asked for.

    Raises:
        InputError: more are asked for than there are.
    """
    if not 0 <= draw.count <= len(candidates):
        raise InputError("count", f"expected 0 to {len(candidates)} (candidates), got {draw.count}")
    return policy(candidates, draw) if draw.count else ([], [])


def allocate(id: str, params: Mapping[str, Json], known: Sequence[PromptState], total: int) -> list[int]:
    """How many of ``total`` rollouts each prompt gets.

    Raises:
        UnknownAllocator: no such id; carries the nearest ones.
        ParameterError: a parameter is unknown, missing, of the wrong type or out of bounds.
        InputError: the total does not fit, or the run does not remember what the method reads.
    """
    method = ALLOCATORS.get(id) or ALLOCATORS.get(f"{id}-v1")
    if method is None:
        raise UnknownAllocator(id, ALLOCATORS)
    return method(params, known, total)


def _evenly(params: Mapping[str, Json], known: Sequence[PromptState], total: int) -> list[int]:
    bind((), params)
    if total and not known:
        raise InputError("prompt_ids", "expected a prompt to give rollouts to")
    return largest_remainders(np.full(len(known), total / max(len(known), 1)), total).tolist()


def _by_knapsack(params: Mapping[str, Json], known: Sequence[PromptState], total: int) -> list[int]:
    return _rollouts(knapsack(params, {"pass_rates": _pass_rates(known), "total": total}))


def _by_gradient(params: Mapping[str, Json], known: Sequence[PromptState], total: int) -> list[int]:
    norms: list[Json] = []
    for place, prompt in enumerate(known):
        if prompt.gradient_norm is None:
            message = "the run remembers no gradient norm: name gradient_signal in its state policy, and send it"
            raise InputError(f"prompt_ids[{place}]", message)
        norms.append(prompt.gradient_norm)
    inputs: dict[str, Json] = {"gradient_norms": norms, "pass_rates": _pass_rates(known), "total": total}
    return _rollouts(gradient_variance(params, inputs))


def _by_uncertainty(params: Mapping[str, Json], known: Sequence[PromptState], total: int) -> list[int]:
    rewards: list[Json] = [list(prompt.rewards) for prompt in known]
    seen = sum(len(prompt.rewards) for prompt in known)
    return _rollouts(uncertainty_phased(params, {"rewards": rewards, "round": seen, "total": total}))


def _pass_rates(known: Sequence[PromptState]) -> list[Json]:
    return [prompt.pass_rate for prompt in known]


def _rollouts(told: Mapping[str, Json]) -> list[int]:
    return cast("list[int]", told["rollouts"])


ALLOCATORS: Mapping[str, Callable[[Mapping[str, Json], Sequence[PromptState], int], list[int]]] = {
    "allocate/uniform-v1": _evenly,
    "allocate/knapsack-v1": _by_knapsack,
    "allocate/gradient_variance-v1": _by_gradient,
    "allocate/uncertainty_phased-v1": _by_uncertainty,
}
"""Every allocator that works on a run's state, by its versioned id."""


def _drawn(weights: Floats, draw: Draw) -> Chosen:
    """Different places by weight: the largest ``log(u) / weight`` (Efraimidis, Spirakis); weight 0 comes last."""
    uniform_ = draw.generator().random(len(weights))
    with np.errstate(divide="ignore"):
        keys = np.where(weights > 0.0, np.log(uniform_) / np.maximum(weights, np.finfo(np.float64).tiny), -np.inf)
    order = np.lexsort((-uniform_, -keys))[: draw.count].tolist()
    return order, weights[order].tolist()
