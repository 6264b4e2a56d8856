"""Episodes with tools: what calls do, what they cannot do, and what an answer is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.cli.env_check import check_environments
from assay_server.cli.env_episode import EpisodeNames
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.definition import Replay
from assay_server.environments.protocol import EnvironmentFault, EpisodeOver, InvalidOptions, StepResult
from assay_server.environments.tools import ToolPorts, ToolsEpisode
from assay_server.environments.tools.outside import PythonAnswer, PythonRequest, Ran, chained
from assay_server.environments.tools.world import generated_corpus
from assay_server.environments.watched import watched
from assay_server.execution.corpus_folders import CorpusFolders
from assay_server.execution.sql.question_folders import QuestionFolders


@pytest.fixture
def episode() -> ToolsEpisode:
    return ToolsEpisode(ToolPorts(programs=True))


@pytest.fixture(scope="module")
def databases() -> Iterator[QuestionFolders]:
    folders = QuestionFolders({})
    yield folders
    folders.close()


def call(tool: str, /, **arguments: Json) -> str:
    return json.dumps({"name": tool, "arguments": arguments})


def said(result: StepResult) -> str:
    return result.observation.rpartition("\n[calls: ")[0]


def test_the_checker_of_authors_finds_nothing() -> None:
    findings = check_environments(EpisodeNames("tools"), 3)
    assert [finding for finding in findings if not finding.passed] == []
    assert builtin_environments().resolve("tools").replay is Replay.RECORDED


def test_a_question_of_several_hops_is_answered_by_searching() -> None:
    for number in (0, 130, 250, 370):
        episode = watched(ToolsEpisode())
        question = generated_corpus().questions[number]
        episode.reset(0, {"question": number, "routingReward": 0.5})
        rewards: list[float] = []
        for support in question.supports:
            base = generated_corpus().bases[support.base]
            title = next(one.title for one in base.documents if one.id == support.document)
            found = episode.step(call("search", base=support.base, query=title))
            assert found.observation.startswith(f"1. {title}: ")
            rewards.append(found.reward)
        assert sum(rewards) == pytest.approx(0.5)
        done = episode.step(f"So it is <answer>{question.answers[0]}</answer>.")
        assert (done.reward, done.won, done.terminated, done.stop_reason) == (1.0, True, True, "won")
        with pytest.raises(EpisodeOver):
            episode.step("more")


@pytest.mark.parametrize(
    "action",
    [
        '{"name": "calculator", "arguments": {"expression": "6*7"}}',
        '<tool_call>{"name": "calculator", "arguments": {"expression": "6*7"}}</tool_call>',
        'calculator(expression="6*7")',
        'calculator("6*7")',
        '[{"type": "function", "function": {"name": "calculator", "arguments": "{\\"expression\\": \\"6*7\\"}"}}]',
        '<think>hm</think>```json\n{"name": "calculator", "arguments": {"expression": "6*7"}}\n```',
    ],
)
def test_calls_are_read_in_every_form_that_function_calls_have(episode: ToolsEpisode, action: str) -> None:
    episode.reset(0, {})
    result = episode.step(action)
    assert (said(result), result.action_valid, result.executed) == ("42", True, True)
    assert episode.info()["numToolCalls"] == 1


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("", "no call of a tool"),
        ("I think", "no call of a tool"),
        (call("fly"), "there is no tool 'fly'; there are: python, search"),
        (call("search", base="people"), "search needs query"),
        (call("search", base="stars", query="x"), "base is one of people"),
        (call("search", base="people", query="x", results=0), "results is integer from 1 to 10"),
        (call("search", base="people", query="x", limit=3), "has no argument 'limit'"),
        (call("calculator", expression=3), "expression is string"),
        ('{"name": "calculator", "arguments": {"expression": ', "expected a value"),
        ("x" * 200_000, "longer than"),
    ],
)
def test_what_cannot_be_read_is_told_and_changes_nothing(episode: ToolsEpisode, action: str, told: str) -> None:
    before = episode.reset(0, {}).state_digest
    result = episode.step(action)
    assert told in result.observation
    assert (result.action_valid, result.executed, result.terminated) == (False, False, False)
    assert episode.state_digest() == before


def test_a_tool_that_fails_says_so_and_the_episode_goes_on(episode: ToolsEpisode) -> None:
    before = episode.reset(0, {}).state_digest
    for action, told in (
        (call("calculator", expression="1/0"), "division by zero"),
        (call("read_file", name="nothing"), "there is no file"),
        (call("write_file", name="../../etc/passwd", text="x"), "a name has letters"),
        (call("sql_query", query="SELECT 1"), "this process has no databases"),
    ):
        result = episode.step(action)
        assert told in result.observation
        assert (result.action_valid, result.executed) == (True, False)
        assert episode.state_digest() == before


def test_files_are_the_sessions_own_and_bounded(episode: ToolsEpisode) -> None:
    episode.reset(0, {"maxSteps": 200, "maxCalls": 200})
    assert said(episode.step(call("list_files"))) == "There are no files."
    episode.step(call("write_file", name="a/b.txt", text="one"))
    episode.step(call("write_file", name="a/b.txt", text=" two", append=True))
    assert said(episode.step(call("read_file", name="a/b.txt", start=4))) == "two"
    assert said(episode.step(call("list_files"))) == "a/b.txt (7 characters)"
    assert "65536" in said(episode.step(call("write_file", name="long", text="x" * 65_537)))
    for number in range(63):
        assert episode.step(call("write_file", name=f"f{number}", text="")).executed
    assert "no more" in said(episode.step(call("write_file", name="one-more", text="")))
    episode.step(call("delete_file", name="a/b.txt"))
    assert "there is no file" in said(episode.step(call("read_file", name="a/b.txt")))
    shown = said(episode.step(call("write_file", name="big", text="y" * 60_000)))
    assert shown == "big has 60000 characters now."
    assert said(episode.step(call("read_file", name="big"))).endswith("characters more")


def test_the_server_counts_calls_and_refuses_those_that_are_too_many(episode: ToolsEpisode) -> None:
    episode.reset(0, {"maxCalls": 3})
    together = f"[{','.join([call('calculator', expression='1+1')] * 4)}]"
    result = episode.step(together)
    assert result.observation.count("calculator: 2") == 3
    assert "no calls are left: 3 were made" in result.observation
    assert result.observation.endswith("[calls: 3 of 3]")
    counted = {"numToolCalls": 3, "maxToolCalls": 3, "cachedToolCalls": 2}
    assert episode.info() == {**counted, "routing": 0.0, "supportsFound": 0.0}
    assert episode.admissible_actions() == (call("answer", text="unknown"),)
    assert episode.step(call("answer", text=7)).terminated


def test_the_tools_are_declared_in_openais_form(episode: ToolsEpisode) -> None:
    started = episode.reset(0, {"tools": ["calculator", "search"]})
    tools = cast("list[dict[str, dict[str, Json]]]", episode.info()["tools"])
    assert [tool["function"]["name"] for tool in tools] == ["search", "calculator", "answer"]
    assert all(json.dumps(tool) in started.observation for tool in tools)
    assert "there is no tool 'list_files'" in episode.step(call("list_files")).observation


def test_f1_scoring_gives_part_of_the_reward(episode: ToolsEpisode) -> None:
    gold = generated_corpus().questions[0].answers[0]
    episode.reset(0, {"question": 0, "scoring": "f1"})
    result = episode.step(f"<answer>{gold} perhaps</answer>")
    assert (result.reward, result.task_score, result.won) == (pytest.approx(2 / 3), pytest.approx(2 / 3), False)
    episode.reset(0, {"question": 0})
    assert episode.step(f"<answer>{gold} perhaps</answer>").reward == 0
    episode.reset(0, {"question": 0, "scoring": "f1"})
    assert episode.step(f"<answer>the {gold}.</answer>").won


@pytest.mark.parametrize(
    "options",
    [
        {"tools": ["python", "magic"]}, {"tools": ["sql"]}, {"tools": "python"}, {"hops": 5}, {"question": 480},
        {"question": True}, {"corpus": "nowhere"}, {"database": "nowhere"}, {"databases": "nowhere"},
        {"scoring": "best"},
        {"routingReward": 2}, {"maxCalls": 0}, {"split": "train"}, {"unknown": 1}, {"tools": ["files", "files"]},
    ],
)  # fmt: skip
def test_options_that_cannot_be_met_are_refused(options: dict[str, Json]) -> None:
    with pytest.raises(InvalidOptions):
        ToolsEpisode(ToolPorts(programs=True)).reset(0, options)


def test_a_tool_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(InvalidOptions, match="python is not available"):
        ToolsEpisode().reset(0, {"tools": ["python"]})
    episode = ToolsEpisode()
    episode.reset(0, {})
    assert episode.request_for(call("python", code="1")) == ""
    assert "python is not available here" in episode.step(call("python", code="1")).observation


def test_sql_asks_a_generated_database(databases: QuestionFolders) -> None:
    episode = ToolsEpisode(ToolPorts(databases=databases))
    episode.reset(0, {"database": "zoo"})
    assert "CREATE TABLE animal" in episode.step(call("sql_schema")).observation
    assert "there is no table" in episode.step(call("sql_schema", table="x")).observation
    assert said(episode.step(call("sql_query", query="SELECT count(*) FROM house"))) == "count(*)\n10"
    assert episode.step(call("sql_query", query="DROP TABLE house")).executed is False
    assert said(episode.step(call("sql_query", query="SELECT count(*) FROM house"))) == "count(*)\n10"


# ------------------------------------------------------------ python, whose answers come from outside


def test_python_is_asked_for_before_the_action_and_told_what_was_run(episode: ToolsEpisode) -> None:
    episode.reset(0, {})
    action = f"[{call('python', code='x = 1')},{call('list_files')},{call('python', code='x + 1')}]"
    before = episode.state_digest()
    asked = PythonRequest.decode(episode.request_for(action))
    assert asked == PythonRequest(("x = 1", "x + 1"))
    assert episode.state_digest() == before
    episode.receive(PythonAnswer((Ran(), Ran("2\n"))).encode())
    assert said(episode.step(action)) == "python: (no output)\n\nlist_files: There are no files.\n\npython: 2"
    again = PythonRequest.decode(episode.request_for(call("python", code="x")))
    assert again.before == ("x = 1", "x + 1")
    assert again.chain == chained(chained("", "x = 1", Ran()), "x + 1", Ran("2\n"))
    assert episode.request_for(call("list_files")) == ""


@pytest.mark.parametrize("answer", [PythonAnswer(forgotten=True), PythonAnswer((Ran(lost="it took too long"),))])
def test_a_lost_interpreter_is_told_and_starts_anew(episode: ToolsEpisode, answer: PythonAnswer) -> None:
    episode.reset(0, {})
    episode.receive(PythonAnswer((Ran("1"),)).encode())
    episode.step(call("python", code="x = 1"))
    episode.receive(answer.encode())
    assert "names are gone" in episode.step(call("python", code="x")).observation
    assert PythonRequest.decode(episode.request_for(call("python", code="y"))) == PythonRequest(("y",))


def test_code_is_bounded(episode: ToolsEpisode) -> None:
    episode.reset(0, {})
    assert episode.request_for(call("python", code="#" * 20_001)) == ""
    assert "20000 characters" in episode.step(call("python", code="#" * 20_001)).observation


def test_what_is_no_answer_of_the_outside_is_refused(episode: ToolsEpisode) -> None:
    episode.reset(0, {})
    for text in ("", "[]", "{", '{"ran": [3]}', '{"unavailable": 1}', "[" * 100_000):
        with pytest.raises(EnvironmentFault):
            episode.receive(text)


# ------------------------------------------------------------ corpora of the operator


def _corpus(folder: Path, questions: str, **bases: str) -> None:
    folder.mkdir()
    for name, lines in {"questions": questions, **bases}.items():
        (folder / f"{name}.jsonl").write_text(lines)


GOOD_DOCUMENTS = '{"id": "d1", "title": "Mud", "text": "Mud is wet earth."}\n\n{"text": "Bricks are dry."}\n'
GOOD_QUESTIONS = (
    '{"question": "What is mud?", "answers": ["wet earth", "earth"], "split": "test",'
    ' "supports": [{"base": "stuff", "document": "d1"}]}\n{"question": "How many?", "answer": 3}\n'
)


def test_a_folder_of_json_lines_is_a_corpus(tmp_path: Path) -> None:
    _corpus(tmp_path / "mine", GOOD_QUESTIONS, stuff=GOOD_DOCUMENTS)
    episode = ToolsEpisode(ToolPorts(CorpusFolders({"mine": tmp_path / "mine"})))
    started = episode.reset(0, {"corpus": "mine", "split": "test", "routingReward": 1})
    assert "What is mud?" in started.observation
    found = episode.step(call("search", base="stuff", query="what is mud"))
    assert said(found) == "1. Mud: Mud is wet earth."
    assert found.reward == 1
    assert episode.step("<answer>Earth</answer>").won
    assert "How many?" in episode.reset(0, {"corpus": "mine", "question": 1}).observation
    assert episode.step("<answer>3</answer>").won
    with pytest.raises(InvalidOptions, match="there are: mine"):
        episode.reset(0, {"corpus": "other"})


@pytest.mark.parametrize(
    ("questions", "documents", "told"),
    [
        ("", GOOD_DOCUMENTS, "no questions"),
        ("[1]", GOOD_DOCUMENTS, "line 1: expected an object"),
        ("{", GOOD_DOCUMENTS, "questions.jsonl, line 1: no JSON"),
        ('{"question": "x"}', GOOD_DOCUMENTS, "line 1"),
        ('{"question": "x", "answer": "y", "supports": [{"base": "stuff", "document": "d9"}]}', GOOD_DOCUMENTS, "d9"),
        (GOOD_QUESTIONS, '{"title": "no text"}', "text is a text"),
        (GOOD_QUESTIONS, '{"id": 1, "text": ""}\n{"id": 1, "text": ""}', "another document"),
    ],
)
def test_a_broken_corpus_is_refused_with_its_place(tmp_path: Path, questions: str, documents: str, told: str) -> None:
    _corpus(tmp_path / "mine", questions, stuff=documents)
    with pytest.raises(InvalidOptions, match=told):
        ToolsEpisode(ToolPorts(CorpusFolders())).reset(0, {"corpus": str(tmp_path / "mine")})
