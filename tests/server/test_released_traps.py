"""What released code gets wrong around the estimators: identity, membership, gold answers, flags, memory.

The traps of the formulas are in tests/server/estimators/test_traps.py under the same numbers. Others are tested beside
their code: 11 in estimators/test_similarity.py, 22 in rewards/test_length_rewards.py, 32 in environments/shop, 34 in
execution/sql/test_comparison.py, 35 in rewards/test_length_rewards.py, 36 in rewards/puzzles/test_puzzles.py, 39 in
tests/hostile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from assay import Rollout
from assay.sdk import Json
from assay.sdk.spec import EstimatorChoice, Grouping
from assay_sandbox.suites.checkers import Comparison, difference
from assay_server.compute import compute
from assay_server.embedded import Engine
from assay_server.estimators import AnchorState, Group, InputError, Member, Role, StepRecord, compile_estimator
from assay_server.estimators.group_facts import GroupFacts
from assay_server.sampling.run_state import Remembering, StatePolicy

ROLES = frozenset({Role.POLICY})
GIGPO = compile_estimator(EstimatorChoice("advantage/gigpo", {"norm": "mean"}), Grouping(), ROLES)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as started:
        yield started


def group(*members: Member, name: str = "g") -> Group:
    return Group(name, members)


def walked(name: str, reward: float, *states: str, valid: bool = True) -> Member:
    steps = tuple(StepRecord(AnchorState(observation=state), 0.0, valid) for state in states)
    return Member(name, reward, steps=(*steps[:-1], replace(steps[-1], reward=reward)))


def test_08_equal_inputs_have_equal_ids_whoever_asks() -> None:
    members = walked("a", 1.0, "hall", "cellar"), walked("b", 0.0, "hall", "attic")
    again = compile_estimator(EstimatorChoice("advantage/gigpo", {"norm": "mean"}), Grouping(), ROLES)
    (one,), (other,) = GIGPO.advantages([group(*members)]), again.advantages([group(*reversed(members))])
    assert one.step_group_ids == other.step_group_ids
    assert len(set(one.step_group_ids)) == 3
    (elsewhere,) = GIGPO.advantages([group(*members, name="h")])
    assert not set(elsewhere.step_group_ids) & set(one.step_group_ids)


def test_10_copies_of_rows_never_enter_the_statistics() -> None:
    members = walked("a", 1.0, "hall"), walked("b", 0.0, "hall")
    with pytest.raises(InputError, match="twice"):
        GIGPO.advantages([group(*members, members[0])])


@pytest.mark.parametrize("gold", ["", " ", None, [], "\\boxed{}"])
def test_24_a_gold_answer_that_cannot_be_read_is_no_reward_for_anybody(engine: Engine, gold: Json) -> None:
    rollouts = [Rollout(text, response=f"A: {text}", reference={"answer": gold}) for text in ("1", "\\boxed{}", "no")]
    found = engine.score(rollouts, "math")
    assert [result.score for result in found] == [None] * 3
    reasons = {result.error.reason for result in found if result.error}
    assert reasons <= {"REFERENCE_UNPARSEABLE", "REFERENCE_MISSING"}


@pytest.mark.parametrize("printed", ["1\n", "1\n2\n", "1\n2\n3\n4\n", ""])
def test_25_a_part_of_what_is_expected_does_not_pass(printed: str) -> None:
    for name in ("tokens", "unordered", "exact"):
        assert difference(Comparison(name), printed, "1\n2\n3\n")
        assert not difference(Comparison(name), "1\n2\n3\n", "1\n2\n3\n")


def test_26_one_half_is_one_answer_however_it_is_written(engine: Engine) -> None:
    rollouts = [
        Rollout(a, response=f"So \\boxed{{{a}}}", reference={"answer": "7"}) for a in ("1/2", "0.5", "7", "0.7")
    ]
    scores = [result.score for result in engine.score(rollouts, "math")]
    votes: list[Json] = [score.answer_key for score in scores if score is not None]
    even: list[Json] = [[1.0, 1.0, 1.0, 1.0] for _ in range(4)]
    answer = compute({"id": "reward/majority_novelty", "inputs": {"answer_keys": votes, "similarity": even}})
    assert answer["outputs"] == {"majority": votes[0], "rewards": [0.75, 0.75, -0.5, -0.5]}


def finished(prompt: str, reward: float, name: str) -> tuple[str, GroupFacts]:
    facts = GroupFacts(
        prompt_id=prompt,
        rollout_ids=(name,),
        roles=(Role.POLICY,),
        counted=(True,),
        truncated=(False,),
        rewards=(reward,),
        correct=(reward > 0.0,),
        answers=(None,),
        tool_calls=(None,),
        tokens=(None,),
        hint_levels=(0,),
    )
    return name, facts


def test_27_memory_is_keyed_by_the_prompts_id() -> None:
    remembering = Remembering(StatePolicy())
    remembering.apply([finished("7", 1.0, "a"), finished("07", 0.0, "b"), finished("", 1.0, "no id")])
    assert {name: prompt.pass_rate for name, prompt in remembering.state.prompts.items()} == {"7": 1.0, "07": 0.0}


def test_30_what_turns_earned_is_not_overwritten_by_what_the_trajectory_was_worth() -> None:
    turns = tuple(StepRecord(AnchorState(observation=f"s{place}"), reward) for place, reward in enumerate((0.25, 0.5)))
    one = compile_estimator(EstimatorChoice("advantage/gigpo", {"gamma": 1.0}), Grouping(), ROLES)
    (found,) = one.advantages([group(Member("a", 9.0, steps=turns), walked("b", 0.0, "s0"))])
    assert found.step_returns.tolist() == [0.75, 0.5, 0.0]


def test_31_whether_an_action_was_valid_is_a_flag_and_no_phrase() -> None:
    penalised = compile_estimator(
        EstimatorChoice("advantage/gigpo", {"norm": "mean", "invalid_penalty": 0.1}), Grouping(), ROLES
    )
    said = walked("a", 0.0, "Nothing happens."), walked("b", 0.0, "Nothing happens.")
    flagged = walked("a", 0.0, "A door opens.", valid=False), walked("b", 0.0, "A door opens.")
    (by_phrase,), (by_flag,) = penalised.advantages([group(*said)]), penalised.advantages([group(*flagged)])
    assert by_phrase.step_totals.tolist() == [0.0, 0.0]
    assert by_flag.step_totals[0] < by_flag.step_totals[1]
