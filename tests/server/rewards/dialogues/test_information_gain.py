"""What questions find out: Shapley weights, coverage by turn, and the dialogue they are made for."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json, Sample, Step, Unscorable
from assay_server.environments.hidden_facts import InquiryEpisode
from assay_server.environments.watched import watched
from assay_server.rewards.dialogues.facts import worth_of_facts
from assay_server.rewards.dialogues.information_gain import information_gain
from assay_server.rewards.dialogues.shapley import BudgetTooSmall, shapley
from assay_server.rewards.dialogues.suspects import LEVELS, draw_case


def by_orders(count: int, worth: dict[frozenset[int], float]) -> list[float]:
    """The definition: the mean marginal gain over all orders."""
    totals, orders = [0.0] * count, list(permutations(range(count)))
    for order in orders:
        for place, player in enumerate(order):
            totals[player] += worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return [total / len(orders) for total in totals]


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_exact_values_are_those_of_the_definition(count: int, seed: int) -> None:
    rng = Random(seed)
    worth = {frozenset(at for at in range(count) if mask >> at & 1): rng.random() for mask in range(2**count)}
    shares = shapley(count, worth.__getitem__, 2**count, Random(0))
    assert shares.values == pytest.approx(by_orders(count, worth))
    assert (shares.calls, shares.exact) == (2**count, True)
    drawn = shapley(count, worth.__getitem__, max(count + 1, 2**count - 1), Random(seed))
    assert sum(drawn.values) == pytest.approx(worth[frozenset(range(count))] - worth[frozenset()])


def test_a_budget_is_kept_and_a_seed_names_what_was_drawn() -> None:
    called: list[frozenset[int]] = []

    def worth(coalition: frozenset[int]) -> float:
        called.append(coalition)
        return float(len(coalition) ** 2)

    shares = shapley(12, worth, 200, Random(3))
    assert not shares.exact
    assert len(called) == len(set(called)) == shares.calls <= 200
    assert shares == shapley(12, lambda coalition: float(len(coalition) ** 2), 200, Random(3))
    assert shares != shapley(12, lambda coalition: float(len(coalition) ** 2), 200, Random(4))
    assert sum(shares.values) == pytest.approx(144.0)
    additive = shapley(20, lambda coalition: float(sum(coalition)), 100, Random(1))
    assert additive.values == pytest.approx([float(player) for player in range(20)])
    with pytest.raises(BudgetTooSmall, match="13"):
        shapley(12, worth, 12, Random(0))


@pytest.mark.parametrize("level", range(1, len(LEVELS) + 1))
def test_cases_can_be_told_apart_and_weights_add_up(level: int) -> None:
    for seed in range(20):
        case = draw_case(Random(seed), level)
        everything = range(len(case.topics))
        assert case.left(everything) == [case.hypotheses[case.truth][0]]
        assert case.information([]) == 0.0
        assert case.information(everything) == 1.0
        shares = worth_of_facts(case)
        assert sum(shares.values) == pytest.approx(1.0)
        assert min(shares.values) >= 0.0


def played(level: int, seed: int, actions: list[str]) -> tuple[Sample, list[float], InquiryEpisode]:
    episode = InquiryEpisode()
    episode.reset(seed, {"level": level})
    steps: list[Step] = []
    rewards: list[float] = []
    for number, action in enumerate(actions):
        result = episode.step(action)
        rewards.append(result.reward)
        steps.append(Step(number, action, result.observation, action_valid=result.action_valid))
    return Sample("r", actions[-1], episode.reference(), steps=tuple(steps)), rewards, episode


def test_the_reward_of_a_dialogue_is_what_its_turns_were_worth() -> None:
    episode = InquiryEpisode()
    episode.reset(5, {"level": 3})
    first, second, *_ = episode.position.case.topics
    questions = [f"What about the {first}?", "Hm, tell me more!", f"And the {first} again?", f"Was there any {second}"]
    sample, rewards, asked = played(3, 5, questions)
    judged = information_gain.function(sample)
    assert [span.reward for span in judged.spans] == pytest.approx(rewards)
    assert judged.value == pytest.approx(sum(rewards))
    assert [span.label for span in judged.spans] == [first, "nothing new", "nothing new", second]
    assert [step.action_valid for step in sample.steps] == [True, False, True, True]
    assert judged.components == {"coverage": 2 / 6, "turns": 2.0}
    assert asked.position.known == (0, 1)


def test_asking_everything_is_worth_one_and_the_culprit_can_be_named_from_it() -> None:
    episode = InquiryEpisode()
    episode.reset(2, {"level": 2})
    case = episode.position.case
    sample, rewards, asked = played(2, 2, [f"ask about {topic}" for topic in case.topics])
    assert information_gain.function(sample).value == pytest.approx(1.0)
    assert sum(rewards) == pytest.approx(1.0)
    [culprit] = case.left(range(len(case.topics)))
    result = asked.step(f"Accuse {culprit.upper()}!")
    assert (result.won, result.reward, result.task_score, result.stop_reason) == (True, 1.0, 1.0, "won")
    wrong = next(name for name, _ in case.hypotheses if name != culprit)
    _, _, again = played(2, 2, [f"accuse {wrong}"])
    assert again.admissible_actions() == ()


def test_promises_are_kept_on_random_walks() -> None:
    for seed in range(10):
        rng, environment = Random(seed), watched(InquiryEpisode())
        environment.reset(seed, {"level": 1 + seed % 4})
        while listed := environment.admissible_actions():
            environment.step(rng.choice([*listed[:4], rng.choice(listed), "why?", "accuse", "accuse nobody"]))


def test_without_hypotheses_facts_weigh_alike() -> None:
    facts: dict[str, Json] = {"a": "It is red.", "b": "It  IS round", "c": "It flies."}
    steps = (Step(0, "?", "Well: it is Red. And it is round"), Step(1, "?", "it is red."))
    judged = information_gain.function(Sample("r", "?", {"facts": facts}, steps=steps))
    assert judged.value == pytest.approx(2 / 3)
    assert [span.label for span in judged.spans] == ["a,b", "nothing new"]


NO_CASE: list[dict[str, Json]] = [
    {},
    {"facts": {}},
    {"facts": {"a": 7}},
    {"facts": {"a": "x"}, "hypotheses": []},
    {"facts": {"a": "x"}, "hypotheses": {"h": {"a": "1"}}},
    {"facts": {"a": "x"}, "hypotheses": {"h": {"a": "1"}}, "truth": "g"},
    {"facts": {"a": "x"}, "hypotheses": {"h": {"b": "1"}}, "truth": "h"},
]


@pytest.mark.parametrize("reference", NO_CASE)
def test_a_reference_that_is_no_case_is_no_zero(reference: dict[str, Json]) -> None:
    with pytest.raises(Unscorable):
        information_gain.function(Sample("r", "?", reference, steps=(Step(0, "?"),)))


def test_a_budget_that_is_too_small_is_said() -> None:
    sample, _, _ = played(4, 1, ["hair?"])
    with pytest.raises(Unscorable, match="budget"):
        information_gain.function(sample, budget=5)
    assert information_gain.function(sample, budget=40, seed=1).evidence is not None
