"""Errands in applications: every task is won by its solution and by nothing that only looks like it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.environments.apps import AppsEpisode
from assay_server.environments.apps.functions import APPS, DECLARED, FUNCTIONS, page_of
from assay_server.environments.apps.options import FAMILIES
from assay_server.environments.apps.policies import POLICIES
from assay_server.environments.apps.scripts import half_done, side_effect, solved, wrong_object
from assay_server.environments.apps.tasks import Doing, do
from assay_server.environments.protocol import EpisodeOver, InvalidDump, InvalidOptions, StepResult
from assay_server.environments.watched import watched

SEEDS = (0, 1, 2)
TASKS = [(family, seed) for family in FAMILIES for seed in SEEDS]
MISSES = {"wrong object": wrong_object, "side effect": side_effect, "half done": half_done}


def started(family: str = "", seed: int = 0, **options: Json) -> AppsEpisode:
    environment = AppsEpisode()
    environment.reset(seed, {**({"family": family} if family else {}), **options})
    return environment


def played(environment: AppsEpisode, script: Iterable[Doing]) -> StepResult:
    results = [environment.step(one.action()) for one in script]
    assert all(result.action_valid and result.executed for result in results), [one.observation for one in results]
    assert [result.reward for result in results[:-1]] == [0.0] * (len(results) - 1)
    return results[-1]


def outcomes_of(environment: AppsEpisode) -> dict[str, list[bool]]:
    """By kind, what came of the state tests."""
    found: dict[str, list[bool]] = {}
    for one in cast("list[dict[str, Json]]", environment.info()["tests"]):
        found.setdefault(str(one["kind"]), []).append(one["passed"] is True)
    return found


def test_there_are_enough_tasks_applications_and_functions() -> None:
    assert len(TASKS) >= 30
    assert len(APPS) >= 6
    assert len(FUNCTIONS) >= 40
    assert {one.app for one in FUNCTIONS.values()} >= set(APPS)


@pytest.mark.parametrize(("family", "seed"), TASKS)
def test_a_task_is_won_by_its_solution_and_missed_by_what_looks_like_it(family: str, seed: int) -> None:
    environment = started(family, seed)
    task = environment.task
    last = played(environment, solved(task))
    assert (last.won, last.terminated, last.task_score, last.reward, last.stop_reason) == (True, True, 1.0, 1.0, "won")
    assert all(all(passed) for passed in outcomes_of(environment).values())
    assert environment.info()["violations"] == 0
    for name, script in MISSES.items():
        for scoring in ("fraction", "gain", "all"):
            environment = started(family, seed, scoring=scoring)
            missed = played(environment, script(task))
            assert (missed.won, missed.terminated, missed.stop_reason) == (False, True, "finished"), name
            assert missed.task_score < 1
            assert scoring != "all" or missed.task_score == 0
        kinds = outcomes_of(environment)
        assert all(kinds["finished"])
        if name == "side effect":
            assert kinds["keep"] == [False]
            assert all(kinds.get("change", [])), "what was asked for was done"
        elif name == "half done":
            assert not all((*kinds.get("change", ()), *kinds.get("answer", ())))


@pytest.mark.full
def test_the_tasks_of_two_hundred_seeds_are_judged_right() -> None:
    for family in FAMILIES:
        for seed in range(3, 203):
            test_a_task_is_won_by_its_solution_and_missed_by_what_looks_like_it(family, seed)


def test_doing_nothing_gains_nothing() -> None:
    for family in FAMILIES:
        for scoring in ("gain", "all"):
            assert played(started(family, 5, scoring=scoring), [do("finish")]).reward == 0


def test_seeds_count_through_the_families_and_differ_within_them() -> None:
    families = [started(seed=seed).info()["family"] for seed in range(len(FAMILIES))]
    assert families == list(FAMILIES)
    for family in FAMILIES:
        worlds = {started(family, seed).step(do("contacts_list").action()).observation for seed in range(6)}
        assert len(worlds) == 6


def test_the_order_of_independent_calls_does_not_matter_and_one_action_may_have_several() -> None:
    one, other = started("overdue"), started("overdue")
    calls = list(one.task.solution)
    for call in calls:
        one.step(call.action())
    together = ", ".join(call.action() for call in reversed(calls))
    result = other.step(f"[{together}]")
    assert result.action_valid
    assert result.executed
    assert one.state_digest() == other.state_digest()
    assert one.anchor() == other.anchor()


@pytest.mark.parametrize(
    "action",
    [
        'notes_create(title="x", text="y")',
        '<tool_call>{"name": "notes_create", "arguments": {"title": "x", "text": "y"}}</tool_call>',
        '{"tool_calls": [{"function": {"name": "notes_create", "arguments": {"title": "x", "text": "y"}}}]}',
    ],
)  # fmt: skip
def test_calls_are_read_in_the_forms_of_the_reward_for_function_calls(action: str) -> None:
    environment, plain = started(), started()
    assert environment.step(action).executed
    plain.step(do("notes_create", title="x", text="y").action())
    assert environment.state_digest() == plain.state_digest()


def test_a_change_that_is_taken_back_leaves_the_state_as_it_was() -> None:
    environment = started("new-number")
    before = environment.state_digest()
    held = cast("dict[str, Json]", json.loads(environment.step(do("contacts_read", id="c3").action()).observation))
    environment.step(do("contacts_update", id="c3", phone="1").action())
    assert environment.state_digest() != before
    environment.step(do("contacts_update", id="c3", phone=held["phone"]).action())
    assert environment.state_digest() == before
    environment.step(do("files_write", path="/docs/x.txt", text="x").action())
    environment.step(do("files_delete", path="/docs/x.txt").action())
    assert environment.state_digest() == before


def test_failures_and_texts_without_calls_cost_their_penalties_and_change_nothing() -> None:
    environment = started("overdue", failurePenalty=0.25, missingPenalty=0.125)
    before = environment.state_digest()
    unknown = environment.step(do("todos_complete", id="t999").action())
    assert (unknown.action_valid, unknown.executed) == (True, False)
    assert "t999" in unknown.observation
    for bad in (do("todos_complete"), do("todos_complete", id=1), do("no_such_thing", x=1), do("mail_list", page=0)):
        assert not environment.step(bad.action()).action_valid
    assert not environment.step("I think that I should look first.").action_valid
    info = environment.info()
    assert (info["failures"], info["missing"], info["calls"]) == (5, 1, 1)
    assert environment.state_digest() == before
    assert played(environment, solved(environment.task)).reward == 0.0
    cheap = started("overdue", failurePenalty=0.25)
    cheap.step(do("todos_complete", id="t999").action())
    last = played(cheap, solved(cheap.task))
    assert (last.reward, last.task_score, last.won) == (0.75, 1.0, True)


BREAKS = {
    "mail-inside": [do("mail_send", to=["someone@quill.example"], subject="x", body="y")],
    "ask-before-paying": [do("payments_send", to="someone@quill.example", amount=100.01)],
    "office-hours": [do("calendar_create", title="x", start="2026-03-02 07:00", end="2026-03-02 09:00")],
    "archive": [
        do("files_write", path="/archive/x.txt", text="x"),
        do("files_write", path="/archive/x.txt", text="y"),
    ],
    "known-people": [
        do("files_write", path="/docs/x.txt", text="x"),
        Doing("files_share", {"path": "/docs/x.txt", "with": "someone@quill.example"}),
    ],
    "trash-first": [do("mail_delete", id="m1")],
}


def test_every_policy_is_broken_by_what_breaks_it_and_said_at_that_step() -> None:
    assert set(BREAKS) == {one.id for one in POLICIES}
    for policy, calls in BREAKS.items():
        environment = started("overdue", violationPenalty=0.25)
        for call in calls:
            assert environment.info()["stepViolations"] == []
            assert environment.step(call.action()).executed
        assert environment.info()["stepViolations"] == [{"policy": policy, "call": calls[-1].name}]
        environment.step(do("notes_list").action())
        assert environment.info()["stepViolations"] == []
        assert environment.info()["violations"] == 1
        result = played(environment, [do("finish")])
        assert outcomes_of(environment)["policy"] == [False]
        assert result.reward == pytest.approx(max(0.0, result.task_score - 0.25))


def test_a_payment_without_the_users_word_fails_although_all_changes_are_right() -> None:
    environment = started("hotel")
    script = [one for one in environment.task.solution if "Shall I" not in str(one.arguments.get("question"))]
    result = played(environment, [*script, do("finish")])
    kinds = outcomes_of(environment)
    assert (all(kinds["change"]), kinds["keep"], kinds["policy"], result.won) == (True, [True], [False], False)


def test_the_user_tells_what_is_asked_for_and_agrees_to_what_is_meant() -> None:
    environment = started("hotel")
    amount = environment.task.user.agrees[0]
    assert environment.info()["factsTold"] == []
    assert "nothing more" in environment.step(do("ask_user", question="How are you?").action()).observation
    assert f"{amount / 100:.2f}" in environment.step(do("ask_user", question="the AMOUNT, please").action()).observation
    assert environment.info()["factsTold"] == ["amount"]
    assert "Yes" not in environment.step(do("ask_user", question="May I pay 1.00?").action()).observation
    assert "Yes" in environment.step(do("ask_user", question=f"May I pay {amount / 100:.2f}?").action()).observation


def test_the_documentation_names_every_function_page_by_page() -> None:
    environment = started()
    explained: set[str] = set()
    for app in APPS:
        pages = cast("dict[str, int]", page_of(app, 1))["pages"]
        assert pages > 1
        for page in range(1, pages + 1):
            shown = environment.step(do("read_docs", app=app, page=page).action())
            read = cast("dict[str, list[dict[str, str]]]", json.loads(shown.observation))
            explained |= {one["name"] for one in read["functions"]}
        assert not environment.step(do("read_docs", app=app, page=pages + 1).action()).executed
    assert explained == {name for name, one in FUNCTIONS.items() if one.app in APPS}
    assert environment.reset(0, {"schemas": "full"}).observation.count('"type": "function"') == len(FUNCTIONS)


def test_declarations_are_in_openais_form_and_told_at_the_start() -> None:
    assert started().info()["tools"] == list(DECLARED.values())
    for one in DECLARED.values():
        assert one["type"] == "function"
        function = cast("dict[str, dict[str, Json]]", one["function"])
        parameters = cast("dict[str, dict[str, Json]]", function["parameters"])
        assert set(parameters["required"]) <= set(parameters["properties"])


def test_an_episode_that_runs_out_of_steps_is_tested_and_not_won() -> None:
    environment = started("overdue", maxSteps=3)
    results = [environment.step(one.action()) for one in environment.task.solution]
    last = results[-1]
    assert (last.truncated, last.terminated, last.won, last.stop_reason) == (True, False, False, "max_steps")
    assert 0 < last.task_score < 1
    assert environment.admissible_actions() == ()
    with pytest.raises(EpisodeOver):
        environment.step("x")


def test_a_dump_goes_on_as_the_episode_does() -> None:
    for family in FAMILIES:
        environment = watched(started(family, 9))
        solution = started(family, 9).solution()
        environment.reset(9, {"family": family})
        copy = started(family, 9)
        for action in solution[:-1]:
            environment.step(action)
        original = started(family, 9)
        for action in solution[:-1]:
            original.step(action)
        copy.restore(original.dump())
        assert copy.dump() == original.dump()
        assert (copy.state_digest(), copy.anchor(), copy.info()) == (
            original.state_digest(), original.anchor(), original.info(),
        )  # fmt: skip
        assert copy.step(solution[-1]) == original.step(solution[-1]) == environment.step(solution[-1])


@pytest.mark.parametrize(
    "dumped", [b"", b"[]", b"[[1],[],{}]", b'[[0,0,0,0,0],[],"{\\"x\\":1}"]', b"\xff", b"[[0,0,0,0,0],[],3]"]
)
def test_what_is_no_dump_is_refused(dumped: bytes) -> None:
    with pytest.raises(InvalidDump):
        started().restore(dumped)


@pytest.mark.parametrize(
    "options",
    [{"family": "x"}, {"scoring": 1}, {"user": "judge"}, {"maxSteps": 0}, {"failurePenalty": 2}, {"odd": 1},
     {"missingPenalty": True}, {"schemas": "none"}],
)  # fmt: skip
def test_odd_options_are_refused(options: dict[str, Json]) -> None:
    with pytest.raises(InvalidOptions):
        AppsEpisode().reset(0, options)


@pytest.mark.parametrize(
    "call",
    [
        do("payments_send", to="a@b.example", amount=1e999),
        do("payments_send", to="a@b.example", amount=0.001),
        do("payments_send", to="a@b.example", amount=99_999),
        do("payments_send", to="not an address", amount=1),
        do("calendar_create", title="x", start="2026-02-30 10:00", end="2026-03-02 09:00"),
        do("calendar_create", title="x", start="2026-03-02 10:00", end="2026-03-02 09:00"),
        do("files_write", path="/../x", text=""),
        do("files_write", path="x" * 99_000, text=""),
        do("notes_create", title="\ud800", text="x" * 10_001),
        do("mail_send", to=[], subject="x", body="y"),
        do("mail_send", to=[1], subject="x", body="y"),
        do("contacts_read", id="\ud800"),
        do("notes_create", title=" ", text=""),
    ],
)
def test_hostile_arguments_fail_and_change_nothing(call: Doing) -> None:
    environment = started()
    before = environment.state_digest()
    result = environment.step(call.action())
    assert not result.executed
    assert result.observation.encode().startswith(b"Error")
    assert environment.state_digest() == before


def test_texts_of_any_kind_can_be_kept_and_shown() -> None:
    environment = started()
    assert environment.step(do("notes_create", title="\ud800\u0000é", text="x").action()).executed
    shown = environment.step(do("notes_search", text="\ud800").action())
    assert shown.observation.isascii()
    assert environment.anchor().isascii()
    assert environment.info()


@pytest.mark.parametrize("title", ["x", "x" * 6000])
def test_there_is_an_end_to_what_an_episode_keeps(title: str) -> None:
    environment = started(maxSteps=1000)
    many = f"[{', '.join([do('todos_create', title=title).action()] * 16)}]"
    while environment.step(many).executed:
        assert len(environment.dump()) < 700_000
    assert len(environment.admissible_actions()) == 1
    assert environment.step(environment.admissible_actions()[0]).terminated
