from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pytest

from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.console.errors import BadQuestion, NotHeld
from assay_server.console.opening import Source, open_records
from assay_server.console.questions import Questions
from assay_server.console.run_index import RunIndex
from assay_server.console.shown import MOST_CHARACTERS, cut
from assay_server.console.sqlite_records import SqliteRecords
from assay_server.console.summary import MOST_POINTS, summary
from assay_server.embedded import Engine

from .conftest import HOSTILE

Object = dict[str, Json]


@pytest.fixture(scope="module", params=["sqlite", "fleet"])
def questions(request: pytest.FixtureRequest) -> Generator[Questions]:
    """Questions about the same runs in either store."""
    of_fleet = request.param == "fleet"
    source = request.getfixturevalue("fleet") if of_fleet else Source(f"sqlite:{request.getfixturevalue('store')}")
    records = open_records(source)
    yield Questions(records)
    records.close()


def ask(questions: Questions, question: str, **arguments: str) -> Object:
    """An answer, as it goes over the wire."""
    answer = questions.answer(question, "local", arguments)
    return cast("Object", json.loads(json.dumps(answer, allow_nan=False)))


def part(answer: Json, *path: str | int) -> Json:
    for key in path:
        answer = cast("dict[str | int, Json]", answer)[key]
    return answer


def test_runs_are_listed_newest_first_with_their_counts_and_specs(questions: Questions):
    runs = cast("list[Object]", ask(questions, "runs")["runs"])
    assert [(run["runId"], run["rollouts"], run["groups"]) for run in runs] == [
        ("empty", 0, 0),
        ("walks", 2, 1),
        ("answers", 27, 8),
    ]
    assert part(runs[2], "spec", "reward", "leaf", "id") == "math"


def test_curves_follow_the_trainers_steps(questions: Questions):
    told = ask(questions, "run", run="answers")
    assert part(told, "axis") == {"kind": "global_step", "labels": [0, 10, 20]}
    types = {str(one["name"]): one for one in cast("list[Object]", told["passRate"])}
    assert types["hard"]["mean"] == [0.0, 0.25, 0.5]
    assert types["easy"]["mean"] == [1.0, 1.0, 1.0]
    assert part(types["hard"], "count") == [4, 4, 4]
    assert part(told, "reward", "mean", 1) == pytest.approx(5 / 8)
    assert part(told, "reward", "std", 1) == pytest.approx((5 / 8 * 3 / 8) ** 0.5, rel=1e-5)
    assert part(told, "components", 0, "name") == "math"


def test_what_could_not_be_scored_is_counted_and_is_no_zero(questions: Questions):
    told = ask(questions, "run", run="answers")
    assert part(told, "totals", "unscored") == 1
    assert part(told, "failures") == [{"name": "REFERENCE_MISSING", "count": 1}]
    assert cast("int", part(told, "totals", "rollouts")) == 27
    assert part(told, "totals", "rewardMean") == pytest.approx(15 / 26, rel=1e-5)
    assert sum(cast("list[int]", part(told, "rewards", "counts"))) == 26


def test_groups_without_a_signal_are_told_apart(questions: Questions):
    told = ask(questions, "run", run="answers")
    assert part(told, "totals", "degenerate") == 5  # p at 0, q three times, the hostile pair
    assert part(told, "degenerate", "mean") == [1.0, 0.5, 0.5]
    assert {str(one["value"]): one["count"] for one in cast("list[Object]", told["groupSizes"])} == {
        "1": 1,
        "2": 1,
        "4": 6,
    }
    mixed = cast("list[Object]", ask(questions, "groups", run="answers", kind="mixed")["groups"])
    assert {str(one["groupId"]) for one in mixed} == {"p.1", "p.2"}
    of_prompt = ask(questions, "groups", run="answers", kind="all", prompt="q")
    assert {str(one["groupId"]) for one in cast("list[Object]", of_prompt["groups"])} == {"q.0", "q.1", "q.2"}
    assert ask(questions, "groups", run="answers", prompt="unheard of")["total"] == 0
    dropped = cast("list[Object]", ask(questions, "groups", run="answers", kind="dropped")["groups"])
    assert [(one["groupId"], one["dropReason"]) for one in dropped] == [("alone", "too_few_scored")]


def test_prompts_are_ranked_by_pass_rate(questions: Questions):
    hardest = cast("list[Object]", ask(questions, "prompts", run="answers", order="hardest")["prompts"])
    assert [(one["promptId"], one["passRate"]) for one in hardest[1:3]] == [("p", 0.25), ("q", 1.0)]
    assert (hardest[-1]["promptId"], hardest[-1]["passRate"]) == ("r", None)
    easiest = cast("list[Object]", ask(questions, "prompts", run="answers", order="easiest")["prompts"])
    assert easiest[0]["passRate"] == 1.0
    assert ask(questions, "prompts", run="answers", start="2")["start"] == 2


def test_a_group_comes_with_its_members_states_and_advantages(questions: Questions):
    told = ask(questions, "group", run="walks", group="walk")
    assert part(told, "result", "rolloutIds") == ["w.0", "w.1"]
    assert part(told, "result", "stepCounts") == [2, 2]
    assert len(cast("list[str]", part(told, "result", "stepGroupIds"))) == 1
    assert part(told, "members", 0, "rollout", "steps", 0, "anchor", "observation") == "room"
    assert part(told, "members", 1, "result", "score", "value") == 0.0


def test_texts_come_as_they_are(questions: Questions):
    told = ask(questions, "rollout", run="answers", rollout="h.0")
    assert part(told, "rollout", "steps", 0, "action") == HOSTILE
    assert part(told, "rollout", "reference") == {"answer": "18"}
    assert part(told, "result", "score", "evidence", "math", "reason")


def test_an_empty_run_has_a_page(questions: Questions):
    told = ask(questions, "run", run="empty")
    assert part(told, "totals", "rollouts") == 0
    assert part(told, "reward", "mean") == []
    assert ask(questions, "prompts", run="empty")["prompts"] == []
    assert ask(questions, "groups", run="empty")["groups"] == []


@pytest.mark.parametrize(
    ("question", "arguments", "error"),
    [
        ("run", {"run": "unheard of"}, NotHeld),
        ("group", {"run": "answers", "group": "unheard of"}, NotHeld),
        ("rollout", {"run": "answers", "rollout": "unheard of"}, NotHeld),
        ("run", {}, BadQuestion),
        ("prompts", {"run": "answers", "order": "prettiest"}, BadQuestion),
        ("groups", {"run": "answers", "kind": "; DROP TABLE runs"}, BadQuestion),
        ("prompts", {"run": "answers", "start": "-1"}, BadQuestion),
        ("prompts", {"run": "answers", "start": "9" * 30}, BadQuestion),
        ("unheard of", {}, BadQuestion),
    ],
)
def test_what_is_not_there_or_makes_no_sense(
    questions: Questions, question: str, arguments: dict[str, str], error: type[Exception]
):
    with pytest.raises(error):
        questions.answer(question, "local", arguments)


def test_a_run_is_its_tenants_alone(questions: Questions):
    assert questions.answer("runs", "another", {})["runs"] == []
    for question, arguments in (("run", {}), ("group", {"group": "walk"}), ("rollout", {"rollout": "w.0"})):
        with pytest.raises(NotHeld):
            questions.answer(question, "another", {"run": "walks", **arguments})


def test_records_are_only_read(store: Path):
    records = SqliteRecords(store)
    with pytest.raises(sqlite3.OperationalError):
        records._connection.execute("DELETE FROM runs")  # pyright: ignore[reportPrivateUsage] - no door leads there
    records.close()


def test_reading_stops_when_its_time_is_up_and_goes_on_where_it_was(tmp_path: Path):
    url = f"sqlite:{tmp_path / 'assay.db'}"
    with Engine(Settings(store=url)) as engine:
        config = RunConfig(run_id="run", reward="math")
        with engine.stream(run=config, consumer="c") as stream:
            stream.send_many(
                Rollout(f"r{n}", f"g{n // 2}", 2, reference={"answer": "18"}, response="A: 18", global_step=n)
                for n in range(1000)
            )
            stream.finish()
            assert sum(1 for _ in stream) == 1500
        records = SqliteRecords(tmp_path / "assay.db")
        run = records.run("local", "run")
        index = RunIndex(run, records.reading(run))
        seen = [0]
        while not index.complete:
            index.read(0.0)
            assert len(index.rollouts) + len(index.groups) > seen[-1]
            seen.append(len(index.rollouts) + len(index.groups))
        assert len(seen) > 3
        assert (len(index.rollouts), len(index.groups)) == (1000, 500)
        told = summary(index, 1000, 500)
        assert len(cast("list[int]", part(told, "axis", "labels"))) <= MOST_POINTS
        assert sum(cast("list[int]", part(told, "reward", "count"))) == 1000
        records.close()


def test_new_rollouts_and_a_restore_are_seen(tmp_path: Path):
    with Engine(Settings(store=f"sqlite:{tmp_path / 'assay.db'}")) as engine:
        config = RunConfig(run_id="run", reward="math")

        def send(name: str) -> None:
            with engine.stream(run=config, consumer="c") as stream:
                stream.send(Rollout(name, name, 1, reference={"answer": "18"}, response="A: 18"))
                stream.finish()
                assert list(stream)

        send("a")
        records = SqliteRecords(tmp_path / "assay.db")
        questions = Questions(records)
        assert part(ask(questions, "run", run="run"), "totals", "rollouts") == 1
        send("b")
        assert part(ask(questions, "run", run="run"), "totals", "rollouts") == 2
        engine.restore_run("run", "")
        told = ask(questions, "run", run="run")
        assert (told["generation"], part(told, "totals", "rollouts")) == (2, 0)
        records.close()


def test_long_texts_are_cut_and_say_so():
    shown = cast("Object", cut({"text": "x" * (MOST_CHARACTERS + 5)}))
    assert str(shown["text"]).endswith("[... 5 more characters]")
    deep: Json = "end"
    for _ in range(500):
        deep = [deep]
    assert cut(deep) is not None
