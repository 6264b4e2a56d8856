"""The environment of questions about databases, against real databases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.sdk import Json
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.environments.protocol import EpisodeOver, InvalidOptions
from assay_server.environments.sql import SqlEpisode
from assay_server.environments.sql.asking import generated_questions
from assay_server.execution.environment_ports import folders_in
from assay_server.execution.sql.grading import Grader, Grading
from assay_server.execution.sql.question_folders import QuestionFolders
from assay_server.execution.sql.sqlite import Caps
from assay_server.execution.sql.targets import generated_target
from tests.server.execution.sql.shops import ENDLESS, LONG_CALLS, make_shop


@pytest.fixture(scope="module")
def bench() -> Iterator[QuestionFolders]:
    bench = QuestionFolders({}, seconds=1.5)
    yield bench
    bench.close()


@pytest.fixture
def episode(bench: QuestionFolders) -> SqlEpisode:
    return SqlEpisode(bench)


def test_there_are_many_generated_questions_and_they_can_be_answered() -> None:
    questions = generated_questions()
    databases = Counter(question.database for question in questions)
    assert len(questions) >= 500
    assert len(databases) >= 20
    assert len({(question.database, question.text) for question in questions}) == len(questions)
    grader, empty = Grader(), 0
    for question in questions:
        target = generated_target(question.database)
        assert grader.grade(target, f"{question.sql} ", question.sql, Grading()).equal, question
        empty += not grader.query(target, question.sql, Caps(1), 5.0).rows
    assert empty < 0.1 * len(questions)


def test_an_episode_is_won_with_the_right_query(episode: SqlEpisode) -> None:
    started = episode.reset(3, {})
    question = generated_questions()[0]
    started = episode.reset(0, {"question": 0})
    assert question.text in started.observation
    assert started.state_digest == episode.state_digest()
    schema = episode.step("schema")
    assert "CREATE TABLE" in schema.observation
    assert schema.action_valid
    assert episode.step("schema nothing").action_valid is False
    shown = episode.step(f"query\n```sql\n{question.sql}\n```")
    assert shown.observation.splitlines()[1]
    assert shown.observation in episode.anchor()
    done = episode.step(f"submit {question.sql}")
    assert (done.reward, done.won, done.terminated, done.stop_reason) == (1.0, True, True, "won")
    assert episode.admissible_actions() == ()
    with pytest.raises(EpisodeOver):
        episode.step("schema")


def test_a_wrong_query_ends_the_episode_without_reward(episode: SqlEpisode) -> None:
    episode.reset(0, {"question": 0})
    done = episode.step("submit SELECT 'no idea'")
    assert (done.reward, done.won, done.stop_reason) == (0.0, False, "finished")


@pytest.mark.parametrize("sql", [*ENDLESS.values(), LONG_CALLS["instr"], "DROP TABLE author", "SELEC", "PRAGMA x"])
def test_a_query_that_fails_says_why_and_changes_nothing(episode: SqlEpisode, sql: str) -> None:
    before = episode.reset(0, {"question": 0}).state_digest
    result = episode.step(f"query {sql}")
    assert result.observation.startswith("Error: ")
    assert (result.action_valid, result.executed) == (True, False)
    assert episode.state_digest() == before
    assert episode.step("schema").executed


def test_results_are_cut(episode: SqlEpisode) -> None:
    episode.reset(0, {"question": 0, "rows": 3})
    lines = episode.step("query SELECT book_id, title FROM book").observation.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (5, "book_id | title", "... more than these 3 rows")
    wide = episode.step("query SELECT replace(hex(printf('%.*c', 5000, 'x')), '7', 'xxxxxxxxx')").observation
    assert len(wide) < 200
    assert episode.step("query SELECT 1 WHERE 0").observation.endswith("(no rows)")


def test_sessions_can_have_data_of_their_own(episode: SqlEpisode) -> None:
    query = "query SELECT sum(pages) FROM book"
    seen: list[str] = []
    for seed in (0, 1, 0):
        episode.reset(0, {"question": 0, "dataSeed": seed})
        seen.append(episode.step(query).observation)
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.parametrize(
    "options",
    [
        {"questions": "nowhere"},
        {"questions": "../.."},
        {"split": "dev"},
        {"question": 10**6},
        {"question": True},
        {"rows": 0},
        {"maxSteps": "3"},
        {"other": 1},
    ],
)
def test_options_that_make_no_sense_are_refused(episode: SqlEpisode, options: dict[str, Json]) -> None:
    with pytest.raises(InvalidOptions):
        episode.reset(0, options)


def test_an_episode_is_cut_after_its_steps(episode: SqlEpisode) -> None:
    episode.reset(0, {"maxSteps": 2})
    episode.step("nonsense")
    last = episode.step("schema")
    assert (last.truncated, last.stop_reason) == (True, "max_steps")


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Spider and BIRD, each as it comes."""
    spider, bird = tmp_path / "spider", tmp_path / "bird"
    for folder in (spider / "database" / "shop", bird / "dev_databases" / "shop"):
        folder.mkdir(parents=True)
        make_shop(folder / "shop.sqlite")
    asked = {"db_id": "shop", "question": "Which products are cheap?"}
    sql = "SELECT name FROM product WHERE price < 30"
    (spider / "dev.json").write_text(json.dumps([{**asked, "query": sql, "query_toks": []}]))
    (spider / "train_spider.json").write_text(json.dumps([{**asked, "query": "SELECT 1"}] * 3))
    (spider / "tables.json").write_text(json.dumps([{"db_id": "shop", "table_names": ["product"]}]))
    evidence = {"evidence": "cheap is below 30", "question_id": 0, "difficulty": "simple"}
    (bird / "dev.json").write_text(json.dumps([{**asked, **evidence, "SQL": sql}]))
    return tmp_path


def test_spider_and_bird_are_read_as_they_are(sets: Path) -> None:
    served = QuestionFolders(folders_in(str(sets)))
    for name in ("spider", "bird"):
        episode = SqlEpisode(served)
        started = episode.reset(0, {"questions": name, "split": "dev"})
        assert ("Evidence: cheap is below 30" in started.observation) is (name == "bird")
        assert "lamp" in episode.step("query SELECT * FROM product").observation
        assert episode.step("submit SELECT name FROM product WHERE NOT price >= 30").won
    every = QuestionFolders({"spider": sets / "spider"})
    assert len(every.questions("spider", "")) == 4
    with pytest.raises(InvalidOptions, match="dev, tables, train_spider"):
        every.questions("spider", "test")
    with pytest.raises(InvalidOptions, match="no file of it"):
        every.questions("spider", "tables")


def test_without_databases_it_says_so() -> None:
    with pytest.raises(InvalidOptions, match="no databases"):
        SqlEpisode().reset(0, {})


def test_sessions_of_a_group_start_alike_and_are_served() -> None:
    with Engine(Settings(store="memory:", environment_workers=1)) as engine:
        episodes = engine.make_vec("sql", num_groups=2, group_size=2, seed=5)
        observations, _ = episodes.reset()
        assert observations[0] == observations[1]
        seen, _, terminations, _, _ = episodes.step(["schema", "schema", "submit SELECT 1", "query SELECT 1"])
        assert "CREATE TABLE" in seen[0]
        assert seen[3] == "1\n1"
        assert [bool(one) for one in terminations] == [False, False, True, False]
        episodes.close()
