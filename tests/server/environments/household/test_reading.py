"""Reading games: what is taken, what is refused, and what would never end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.environments import InvalidOptions
from assay_server.environments.household import Household
from assay_server.environments.household.game_file import read_game
from assay_server.environments.household.goal import Goal
from assay_server.environments.household.grammar import read_grammar, read_parts
from assay_server.environments.household.own_language import own_language
from assay_server.environments.household.pddl import Fact, UnreadableGame, read_nodes, read_problem
from assay_server.environments.household.scene import Scene
from assay_server.environments.household.words import named_things

from .recordings import need_recordings, recording, recording_ids

TYPES = {
    "agent1": "agent", "desk_bar_1": "receptacle", "bed_bar_1": "receptacle", "pen_bar_1": "object",
    "pen_bar_2": "object", "loc_1": "location", "loc_2": "location", "pentype": "otype", "desktype": "rtype",
}  # fmt: skip
FACTS: list[Fact] = [
    ("atlocation", "agent1", "loc_1"),
    ("receptacleatlocation", "desk_bar_1", "loc_1"),
    ("receptacleatlocation", "bed_bar_1", "loc_2"),
    ("receptacletype", "desk_bar_1", "desktype"),
    ("inreceptacle", "pen_bar_1", "desk_bar_1"),
    ("inreceptacle", "pen_bar_2", "bed_bar_1"),
    ("objecttype", "pen_bar_1", "pentype"),
    ("objecttype", "pen_bar_2", "pentype"),
    ("pickupable", "pen_bar_1"),
    ("ishot", "pen_bar_2"),
]


def scene(goal: str, facts: list[Fact] | None = None) -> Scene:
    return Scene(TYPES, facts or FACTS, read_nodes(goal)[0], own_language("move"), task="think")


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        ("(and)", True),
        ("(isHot pen_bar_2)", True),
        ("(isHot pen_bar_1)", False),
        ("(not (isHot pen_bar_1))", True),
        ("(or (isHot pen_bar_1) (isHot pen_bar_2))", True),
        ("(imply (isHot pen_bar_1) (isClean pen_bar_1))", True),
        ("(imply (isHot pen_bar_2) (isClean pen_bar_2))", False),
        ("(exists (?o - object) (and (isHot ?o) (inReceptacle ?o bed_bar_1)))", True),
        ("(exists (?o - object) (and (isHot ?o) (inReceptacle ?o desk_bar_1)))", False),
        ("(forall (?o - object) (objectType ?o PenType))", False),
        ("(forall (?o - object) (imply (objectType ?o PenType) (pickupable ?o)))", False),
        ("(forall (?r - receptacle) (exists (?o - object) (inReceptacle ?o ?r)))", True),
        ("(exists (?a ?b - object) (and (not (= ?a ?b)) (objectType ?a PenType) (objectType ?b PenType)))", True),
        ("(exists (?a ?b - object) (and (not (= ?a ?b)) (isHot ?a) (isHot ?b)))", False),
        ("(exists (?o - object) (or (isClean ?o) (and (isHot ?o) (not (pickupable ?o)))))", True),
        ("(exists (?r - receptacle ?l - location) (and (receptacleAtLocation ?r ?l) (atLocation agent1 ?l)))", True),
        ("(exists (?x - unheard) (isHot pen_bar_2))", False),
        ("(holdsAny agent1)", False),
    ],
)
def test_a_goal_means_what_its_formula_says(goal: str, met: bool) -> None:
    found = scene(goal)
    assert found.goal.met(found.start) is met


@pytest.mark.parametrize(
    "goal",
    [
        "(isHot ?o)",
        "(exists (?o - object) (isHot ?p))",
        "(exists (?o - object))",
        "(not)",
        "(isHot)",
        "(isHot pen_bar_1 pen_bar_2)",
        "(inReceptacle pen_bar_1)",
        "pen_bar_1",
        "()",
        "(exists (?a ?b ?c ?d ?e ?f ?g ?h ?i ?j - object) (and (isHot ?a) (isHot ?j)))",
        "(exists (?a ?b ?c ?d ?e ?f ?g ?h ?i ?j ?k ?l ?m - receptacle) (opened ?a))",
        "(and " * 70 + ")" * 70,
    ],
)
def test_a_goal_that_is_none_is_refused(goal: str) -> None:
    with pytest.raises(UnreadableGame):
        scene(goal)


@pytest.mark.parametrize(
    "facts",
    [
        [fact for fact in FACTS if fact[0] != "atlocation"],
        [*FACTS, ("atlocation", "agent1", "loc_2")],
        [*FACTS, ("holds", "agent1", "pen_bar_1")],
        [*FACTS, ("holdsany", "agent1")],
        [*FACTS, ("holds", "agent1", "pen_bar_1"), ("holds", "agent1", "pen_bar_2"), ("holdsany", "agent1")],
        [*FACTS, ("pickupable",)],
        [*FACTS, ("inreceptacle", "pen_bar_1")],
        [*FACTS, ("unheard", "pen_bar_1"), ("unheard", "pen_bar_1", "pen_bar_2")],
    ],
)
def test_facts_that_make_no_game_are_refused(facts: list[Fact]) -> None:
    with pytest.raises(UnreadableGame):
        scene("(isHot pen_bar_2)", facts)


def test_numbers_count_down_in_order_of_ids_and_basins_are_told_apart() -> None:
    ids = ["mug_bar_3", "mug_bar_1", "sink_bar_1_bar_sinkbasin", "mug_bar_2", "sink_bar_2", "agent1"]
    assert named_things(ids) == {
        "mug_bar_1": "mug 3",
        "mug_bar_2": "mug 2",
        "mug_bar_3": "mug 1",
        "sink_bar_1_bar_sinkbasin": "sinkbasin 1",
        "sink_bar_2": "sink 1",
        "agent1": "agent1",
    }


def test_an_untyped_name_is_an_object_and_comments_and_case_do_not_count() -> None:
    text = "(define (problem p) (:objects A b - T ; c - T\n D) (:init (= (f) 3) (On A D)) (:goal (and (On A D))))"
    read = read_problem(text)
    assert read.types == {"a": "t", "b": "t", "d": "object"}
    assert read.facts == (("on", "a", "d"),)
    assert read.goal == ["and", ["on", "a", "d"]]


@pytest.mark.parametrize(
    "text", ["", "(define (domain d))", "(define (problem p)", "(define (problem p) (:init)))", "("]
)
def test_a_text_that_is_no_problem_is_refused(text: str) -> None:
    with pytest.raises(UnreadableGame):
        read_problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "action look {",
        'action look { template :: "look" }',
        'grammar :: """{"a": 3}""";',
        'grammar :: """{"a": [{"rhs": "{o"}]}""";',
        'grammar :: """{"a": [{"rhs": "[{o.name}]"}]}""";',
        'grammar :: """{"a": [{"rhs": "{o.weight}"}]}""";',
        'grammar :: """{"a": [{"rhs": "x", "condition": "opened(r:receptacle"}]}""";',
        'grammar :: """{"a": [',
        'action look { template :: "look" "x"; }',
    ],
)
def test_a_grammar_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnreadableGame):
        read_grammar(text)


@settings(max_examples=200)
@given(st.text(alphabet="#{}[]|.'+ab ()\n\"", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_parts(text)
        read_grammar(text)
    except UnreadableGame:
        pass


def _bombs() -> dict[str, str]:
    doubling = {f"s{n}": [{"rhs": f"#s{n + 1}##s{n + 1}#"}] for n in range(40)} | {"s40": [{"rhs": "x"}]}
    listing = "[{#a#| receptacleatlocation(r:receptacle, l:location)}]"
    lists = {"a": [{"rhs": listing.replace("#a#", "#b#")}], "b": [{"rhs": listing.replace("#a#", "#c#")}]}
    lists |= {"c": [{"rhs": listing.replace("#a#", "#d#")}], "d": [{"rhs": listing.replace("#a#", "#e#")}]}
    loop = {"x": [{"rhs": "#y#"}], "y": [{"rhs": "#x#"}]}
    return {
        "doubling": _grammar(doubling, "#s0#"),
        "lists": _grammar({**lists, "e": [{"rhs": "x"}]}, "#a#"),
        "a loop": _grammar(loop, "#x#"),
        "a rule that is not there": _grammar({}, "#nowhere#"),
        "a variable that is not there": _grammar({}, "{z.name}"),
        "what is not kept": _grammar({"n": [{"condition": "not_opened(r:receptacle)", "rhs": "x"}]}, "#n#"),
    }


def _grammar(rules: dict[str, list[dict[str, str]]], intro: str) -> str:
    return f'grammar :: """{json.dumps({"intro": [{"rhs": intro}], **rules})}""";'


@pytest.mark.parametrize("name", _bombs())
def test_a_grammar_without_end_or_sense_is_refused_at_once(name: str) -> None:
    need_recordings()
    game = recording(recording_ids()[0]).game()
    rules, _, actions = str(game["grammar"]).partition('""";')
    bomb = _bombs()[name]
    kept = json.loads(rules.partition('"""')[2])
    added = json.loads(bomb.partition('"""')[2].partition('"""')[0])
    grammar = f'grammar :: """{json.dumps({**kept, **added})}""";{actions}'
    with pytest.raises((InvalidOptions, UnreadableGame)):
        Household().reset(0, {"game": {**game, "grammar": grammar}})


def test_another_domain_is_refused_as_it_would_be_played_by_wrong_rules() -> None:
    need_recordings()
    game = recording(recording_ids()[0]).game()
    domain = str(game["pddl_domain"])
    same = domain.replace("; agent's hands are empty.", "").replace("(atLocation ?a ?l)", "(ATLOCATION  ?a\t?l)")
    assert read_game({**game, "pddl_domain": same}) is not None
    other = domain.replace("(isHot ?o)\n                (not (isCool ?o))", "(isHot ?o)")
    assert other != domain
    with pytest.raises(InvalidOptions, match="heatobject"):
        Household().reset(0, {"game": {**game, "pddl_domain": other}})


def test_a_goal_that_nothing_leads_to_is_refused() -> None:
    need_recordings()
    game = recording(recording_ids()[0]).game()
    problem = str(game["pddl_problem"])
    hidden = problem[: problem.index("(:goal")] + "(:goal (exists (?o - object) (isOn ?o))))"
    reached: dict[str, Json] = {**game, "pddl_problem": hidden.replace("(isOn ?o)", "(and (pickupable ?o) (isOn ?o))")}
    with pytest.raises(InvalidOptions, match="cannot be reached"):
        Household().reset(0, {"game": reached})


def test_a_goal_that_is_true_at_the_start_is_won_by_any_command() -> None:
    need_recordings()
    game = recording(recording_ids()[0]).game()
    problem = str(game["pddl_problem"])
    goal = "(:goal (exists (?o - object ?r - receptacle) (inReceptacle ?o ?r))))"
    environment = Household()
    options: dict[str, Json] = {"game": {**game, "pddl_problem": problem[: problem.index("(:goal")] + goal}}
    assert environment.reset(0, options).won
    result = environment.step("nonsense")
    assert (result.won, result.reward, result.terminated, result.action_valid) == (True, 1.0, True, False)
    assert result.observation == "Nothing happens."


def test_goal_reads_only_what_can_change() -> None:
    found: Goal = scene("(exists (?o - object) (and (isHot ?o) (objectType ?o PenType)))").goal
    assert found.reads == {"ishot"}
