"""What a run remembers: it moves as the methods of the literature say, and does not depend on who sent what when."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.estimators.errors import InputError, ParameterError
from assay_server.estimators.group_facts import GroupFacts
from assay_server.estimators.groups import Role
from assay_server.estimators.trackers import single_stream, smooth_cumulative
from assay_server.sampling.run_state import NEW_PROMPT, PromptState, Remembering, StatePolicy, after_group, state_policy
from assay_server.sampling.task_sampling import (
    Candidate,
    Draw,
    UnknownAllocator,
    UnknownSampling,
    allocate,
    compile_sampling,
    sample,
)

POLICY = StatePolicy()


def facts(
    rewards: Sequence[float | None],
    *,
    prompt: str = "p",
    step: int = 100,
    calls: Sequence[int | None] = (),
    hints: Sequence[int] = (),
    drift: float | None = None,
    name: str = "r",
    role: Role = Role.POLICY,
) -> GroupFacts:
    """A group of these rewards; who has more than 0 is right."""
    number = len(rewards)
    return GroupFacts(
        prompt_id=prompt,
        global_step=step,
        rollout_ids=tuple(f"{name}{place}" for place in range(number)),
        roles=(role,) * number,
        counted=tuple(reward is not None for reward in rewards),
        truncated=(False,) * number,
        rewards=tuple(rewards),
        correct=tuple(None if reward is None else reward > 0.0 for reward in rewards),
        answers=(None,) * number,
        tool_calls=tuple(calls) or (None,) * number,
        tokens=(None,) * number,
        hint_levels=tuple(hints) or (0,) * number,
        signals={"kl": (drift,) * number},
    )


def played(*groups: GroupFacts, policy: StatePolicy = POLICY) -> PromptState:
    state = NEW_PROMPT
    for group in groups:
        state = after_group(state, group, policy)
    return state


@given(
    st.lists(st.lists(st.floats(-1.0, 2.0), min_size=2, max_size=6), min_size=1, max_size=6),
    st.lists(st.none() | st.floats(0.0, 1.0), min_size=6, max_size=6),
)
def test_trackers_move_as_their_methods_say(groups: list[list[float]], drifts: list[float | None]) -> None:
    policy = state_policy({"drift_signal": "kl"})
    state, alpha, beta = NEW_PROMPT, 0.5, 0.5
    known: dict[str, Json] = {"visits": 0, "mean": 0.0, "std": 0.0}
    for rewards, drift in zip(groups, drifts, strict=False):
        state = after_group(state, facts(rewards, drift=drift), policy)
        share = sum(reward > 0.0 for reward in rewards) / len(rewards)
        row: dict[str, Json] = {"prompt": "p", "reward": share, "alpha": alpha, "beta": beta, "kl_drift": drift}
        (tracker,) = cast("list[dict[str, float]]", single_stream({}, {"rollouts": [row]})["trackers"])
        alpha, beta = tracker["alpha"], tracker["beta"]
        known = cast("dict[str, Json]", smooth_cumulative({}, {"rewards": list(rewards), "state": known})["state"])
        assert (state.alpha, state.beta) == pytest.approx((alpha, beta), rel=1e-12)
        assert state.mean == pytest.approx(known["mean"], abs=1e-12)
        assert state.std == pytest.approx(known["std"], rel=1e-9, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 4)), max_size=24), st.randoms())
def test_the_order_within_a_batch_does_not_matter(drawn: list[tuple[int, int, int]], chance: random.Random) -> None:
    batch = [
        (f"g{place}", facts([1.0] * rights + [0.0] * (4 - rights), prompt=f"p{prompt}", step=step, name=f"{place}-"))
        for place, (step, prompt, rights) in enumerate(drawn)
    ]
    serial, shuffled = Remembering(POLICY), Remembering(POLICY)
    serial.apply(batch)
    chance.shuffle(batch)
    shuffled.apply(batch)
    assert serial.state.to_bytes() == shuffled.state.to_bytes()
    assert serial.state.digest == shuffled.state.digest


def test_updates_come_in_the_order_of_the_steps() -> None:
    remembering = Remembering(POLICY)
    remembering.apply([("late", facts([1.0, 1.0], step=9)), ("early", facts([0.0, 0.0], step=3))])
    assert remembering.state.prompt("p") == played(facts([0.0, 0.0], step=3), facts([1.0, 1.0], step=9))
    assert remembering.state.prompt("p").rewards == (0.0, 0.0, 1.0, 1.0)


def test_prompts_are_known_by_their_id_and_by_nothing_else() -> None:
    remembering = Remembering(POLICY)
    remembering.apply(
        [("a", facts([1.0], prompt="1")), ("b", facts([0.0], prompt="1 ")), ("c", facts([1.0], prompt=""))]
    )
    assert set(remembering.state.prompts) == {"1", "1 "}
    assert remembering.state.groups == 3


def test_the_fewest_calls_never_rise_and_only_right_members_set_them() -> None:
    state = played(facts([1.0, 0.0, 1.0], calls=[5, 1, 4]))
    assert state.best_tool_calls == 4
    assert after_group(state, facts([1.0], calls=[9]), POLICY).best_tool_calls == 4
    assert after_group(state, facts([1.0, 1.0], calls=[3, None]), POLICY).best_tool_calls == 3
    assert played(facts([0.0], calls=[0])).best_tool_calls is None


def test_successes_are_the_newest_and_a_replay_is_not_one_again() -> None:
    policy = state_policy({"replay": 2})
    state = played(facts([1.0, 0.05, 1.0], name="a"), facts([0.0, 1.0], name="b"), policy=policy)
    assert state.successes == ("a2", "b1")
    assert after_group(state, facts([1.0], name="c", role=Role.REPLAY), policy).successes == ("a2", "b1")
    assert played(facts([1.0]), policy=state_policy({"replay": 0})).successes == ()


def test_hints_rise_while_all_fail_stay_where_one_helped_and_end_with_a_success_alone() -> None:
    state = played(facts([0.0, 0.0], step=10))
    assert state.hint_level == 0  # too early
    state = after_group(state, facts([0.0, 0.0], step=51), POLICY)
    assert state.hint_level == 1
    state = after_group(state, facts([0.0, 0.0], step=52), POLICY)
    assert state.hint_level == 1  # nobody was given it
    state = after_group(state, facts([0.0, 0.0], step=53, hints=[0, 1]), POLICY)
    assert state.hint_level == 2
    state = after_group(state, facts([0.0, 1.0], step=54, hints=[0, 2]), POLICY)
    assert (state.hint_level, state.hint_helped) == (2, 2)
    state = after_group(state, facts([1.0, 0.0], step=55), POLICY)
    assert (state.hint_level, state.hint_helped) == (0, 2)


def test_the_last_hint_is_the_twelfth() -> None:
    state = played(facts([0.0], step=99, hints=[12]))
    assert state.hint_level == 0  # exhausted: there is none to give
    assert after_group(PromptState(hint_level=12), facts([0.0], step=99, hints=[12]), POLICY).hint_level == 12


def test_who_could_not_be_scored_teaches_nothing() -> None:
    assert played(facts([None, None])) == NEW_PROMPT
    assert played(facts([None, 1.0])).rewards == (1.0,)


def test_rewards_beyond_measure_do_not_stop_the_run() -> None:
    remembering = Remembering(POLICY)
    remembering.apply([("a", facts([1e300, 1.0])), ("b", facts([1e149, -1e149]))])
    assert remembering.state.prompt("p").rewards == (1.0, 1e149, -1e149)


def test_quantiles_follow_the_rewards() -> None:
    remembering = Remembering(state_policy({"quantile_lr": 0.5}))
    for step in range(200):
        remembering.apply([(f"g{step}", facts([1.0, 2.0, 3.0, 4.0], step=step))])
    quantiles = remembering.state.quantiles
    assert list(quantiles) == pytest.approx(sorted(quantiles))
    assert quantiles[0] == pytest.approx(1.0, abs=0.5)
    assert quantiles[-1] == pytest.approx(4.0, abs=0.5)


def test_the_canonical_form_says_everything() -> None:
    remembering = Remembering(POLICY)
    remembering.apply([("a", facts([1.0, 0.0], calls=[2, 3]))])
    told = json.loads(remembering.state.to_bytes())
    assert set(told["prompts"]["p"]) == set(PromptState.__slots__)
    assert (told["batches"], told["groups"]) == (1, 1)


@pytest.mark.parametrize(
    ("params", "field"),
    [({"replay": 100}, "replay"), ({"rho_min": 0.97}, "rho_min"), ({"half_life": 0}, "half_life"), ({"kl": 1}, "kl")],
)
def test_a_state_policy_has_bounds(params: dict[str, Json], field: str) -> None:
    with pytest.raises(ParameterError) as refused:
        state_policy(params)
    assert refused.value.field == field


# ---------------------------------------------------------------- choosing


def candidates(*rights: int) -> list[Candidate]:
    return [
        Candidate(f"p{place}", played(facts([1.0] * right + [0.0] * (8 - right)))) for place, right in enumerate(rights)
    ]


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"id": "sample/uniform"},
        {"id": "sample/tracker_priority-v1"},
        {"id": "sample/variance_promotion", "params": {"share": 0.5}},
        {"id": "sample/passrate_band"},
        {"id": "sample/curriculum_stage", "params": {"until": [10, 20], "highest": [0.2, 0.6]}},
    ],
)
@given(seed=st.integers(0, 9), count=st.integers(0, 9))
def test_what_is_chosen_is_different_and_the_same_for_the_same_question(
    policy: dict[str, Json], seed: int, count: int
) -> None:
    chooser, known = compile_sampling(policy), candidates(0, 1, 2, 3, 4, 5, 6, 7, 8)
    places, weights = sample(chooser, known, Draw(count, 5, seed))
    assert len(places) == len(set(places)) == len(weights) == count
    assert set(places) <= set(range(9))
    assert sample(chooser, known, Draw(count, 5, seed)) == (places, weights)


def test_uncertain_prompts_come_more_often() -> None:
    chooser = compile_sampling({"id": "sample/tracker_priority"})
    known = [Candidate(str(share), played(*[facts([1.0] * share + [0.0] * (4 - share))] * 40)) for share in (0, 2, 4)]
    drawn = [sample(chooser, known, Draw(1, 0, seed))[0][0] for seed in range(600)]
    assert drawn.count(1) > 1.3 * max(drawn.count(0), drawn.count(2))
    assert min(drawn.count(0), drawn.count(2)) > 0


def test_a_stage_has_what_is_easy_enough() -> None:
    chooser = compile_sampling({"id": "sample/curriculum_stage", "params": {"until": [10], "highest": [0.3]}})
    known = [Candidate(f"p{place}", NEW_PROMPT, place / 10) for place in range(10)]
    assert {sample(chooser, known, Draw(3, 5, seed))[0][place] for seed in range(9) for place in range(3)} == {
        0,
        1,
        2,
        3,
    }
    assert sample(chooser, known, Draw(5, 5, 1))[0][4] == 4
    assert {sample(chooser, known, Draw(1, 11, seed))[0][0] for seed in range(99)} == set(range(10))


def test_more_prompts_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="candidates"):
        sample(compile_sampling({}), candidates(1), Draw(2, 0, 0))


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        ({"id": "sample/tracker"}, UnknownSampling),
        ({"id": 3}, InputError),
        ({"params": []}, InputError),
        ({"id": "sample/uniform", "extra": 1}, InputError),
        ({"id": "sample/curriculum_stage", "params": {"until": [3, 1], "highest": [0.1, 0.2]}}, ParameterError),
    ],
)
def test_a_sampling_policy_must_make_sense(policy: dict[str, Json], error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_sampling(policy)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=8), st.integers(0, 64))
def test_every_allocator_gives_out_what_there_is(rights: list[int], total: int) -> None:
    known = [candidate.known for candidate in candidates(*rights)]
    for name in ("allocate/uniform", "allocate/uncertainty_phased"):
        counts = allocate(name, {}, known, total)
        assert (len(counts), sum(counts)) == (len(known), total)
    counts = allocate("allocate/knapsack", {"low": 1, "high": 9}, known, 4 * len(known))
    assert sum(counts) == 4 * len(known)
    assert 1 <= min(counts) <= max(counts) <= 9


def test_an_allocator_must_be_known() -> None:
    with pytest.raises(UnknownAllocator, match="allocate/knapsack"):
        allocate("allocate/knapsak", {}, [NEW_PROMPT], 1)
