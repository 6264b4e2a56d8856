from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.config import Settings
from assay_server.embedded import Engine

from .command import ASSAY, assay, metadata_of, reason_of

VERL_FUNCTION = """
def compute_score(data_source, solution_str, ground_truth, extra_info):
    while "hang" in solution_str:
        pass
    return {"score": float(ground_truth in solution_str), "length": len(solution_str)}
"""


def rollout(id: str, text: str, answer: str = "18") -> dict[str, Json]:
    return {"rolloutId": id, "reference": {"answer": answer}, "steps": [{"index": 0, "action": text}]}


def lines(*rollouts: dict[str, Json]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in rollouts).encode()


def score_of(answer: dict[str, Json]) -> dict[str, Json]:
    return cast("dict[str, Json]", answer["score"])


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A server that is not the command's own."""
    with Engine(Settings(store="memory:")) as engine:
        yield engine._connection.target  # pyright: ignore[reportPrivateUsage] - an engine's address is its own affair


def test_rollouts_are_scored_in_input_order_with_their_evidence():
    given = [rollout(f"r{i}", f"so A: {17 + i % 2}") for i in range(600)]
    done = assay("score", "--reward", "math", stdin=lines(*given))
    assert (done.code, done.stderr) == (0, "")
    assert [line["rolloutId"] for line in done.lines] == [value["rolloutId"] for value in given]
    assert [score_of(line)["value"] for line in done.lines] == [float(i % 2) for i in range(600)]
    right = score_of(done.lines[1])
    assert (right["verdict"], right["answerKey"], right["components"]) == ("VERDICT_CORRECT", "18", {"math": 1.0})
    evidence = cast("dict[str, dict[str, Json]]", right["evidence"])["math"]
    assert evidence["extracted"] == "18"


def test_a_named_server_gives_the_same_answers(target: str):
    given = lines(rollout("r1", "\\boxed{18}"), rollout("r2", "\\boxed{19}"), {"rolloutId": "r3"})
    embedded = assay("score", "--reward", "math", stdin=given)
    remote = assay("score", "--reward", "math", "--server", target, stdin=given)
    assert [untimed(line) for line in remote.lines] == [untimed(line) for line in embedded.lines]


def untimed(answer: dict[str, Json]) -> dict[str, Json]:
    if "score" in answer:
        score_of(answer).pop("timing")
    return answer


def test_bad_lines_are_answered_in_their_place_and_the_rest_goes_on():
    good = json.dumps(rollout("good", "A: 18")).encode()
    bad = [
        b"{oops",
        b'{"rolloutId": "nan", "numTokens": NaN}',
        b'{"rolloutId": "deep", "extra": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"rolloutId": "\xff\xfe"}',
        b'{"rolloutId": "odd", "stepz": []}',
        b'{"rolloutId": "typed", "steps": 3}',
        b"[]",
    ]
    done = assay("score", "--reward", "math", stdin=b"\n".join([good, *bad, good]))
    assert done.code == 3
    assert len(done.lines) == len(bad) + 2
    assert score_of(done.lines[0])["value"] == score_of(done.lines[-1])["value"] == 1.0
    assert [reason_of(line) for line in done.lines[1:-1]] == [
        "NOT_JSON",
        "NOT_FINITE",
        "NESTED_TOO_DEEP",
        "NOT_UTF8",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "NOT_AN_OBJECT",
    ]
    assert [metadata_of(line)["line"] for line in done.lines[1:-1]] == [str(number) for number in range(2, 9)]
    assert [line.get("rolloutId") for line in done.lines[2:4]] == ["nan", "deep"]
    assert [line.get("rolloutId") for line in done.lines[5:7]] == ["odd", "typed"]
    assert all(cast("dict[str, Json]", line["error"])["code"] == 3 for line in done.lines[1:-1])


def test_a_huge_line_is_refused_and_its_neighbours_are_scored():
    huge = rollout("huge", "x" * (20 * 1024 * 1024) + "\\boxed{18}")
    over = rollout("over", "x" * (40 * 1024 * 1024))
    done = assay("score", "--reward", "math", stdin=lines(rollout("a", "A: 18"), huge, over, rollout("b", "A: 18")))
    assert [line["rolloutId"] for line in done.lines] == ["a", "huge", "over", "b"]
    assert ["score" in line for line in done.lines] == [True, False, False, True]
    assert reason_of(done.lines[2]) == "LINE_TOO_LONG"


def test_lone_surrogates_are_repaired_and_scored():
    text = b'{"rolloutId": "r", "reference": {"answer": "18"}, "steps": [{"action": "\\ud800 \\\\boxed{18}"}]}'
    done = assay("score", "--reward", "math", stdin=text)
    assert (done.code, score_of(done.lines[0])["value"]) == (0, 1.0)


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--strict"], 1)])
def test_what_could_not_be_scored_is_an_answer_and_never_a_zero(flags: list[str], code: int):
    done = assay("score", "--reward", "math", *flags, stdin=lines({**rollout("r", "A: 18"), "reference": {}}))
    assert done.code == code
    assert "score" not in done.lines[0]
    assert reason_of(done.lines[0]) == "REFERENCE_MISSING"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reward", "mathh"], "math"),
        (["--reward", "math", "--params", '{"unheard_of": 1}'], "unheard_of"),
        (["--reward", "math", "--params", "{"], "--params"),
        (["--reward", "math", "--params", "[1]"], "--params"),
        (["--reward", "math", "--execution-timeout-ms", "-5"], "execution-timeout-ms"),
        (["--reward", "nowhere.py:compute_score"], "there is no such file"),
        (["--reward", f"{json.__file__}:no_such_function"], "no_such_function"),
        (["--reward", "reward.py:compute_score", "--server", "localhost:1"], "--server"),
        ([], "--reward"),
    ],
)
def test_a_call_that_cannot_succeed_says_so(arguments: list[str], said: str):
    done = assay("score", *arguments, stdin=lines(rollout("r", "A: 18")))
    assert (done.code, done.lines) == (2, [])
    assert said in done.stderr


def test_a_verl_function_in_a_file_is_a_reward_and_one_that_hangs_costs_only_its_own_rollout(tmp_path: Path):
    file = tmp_path / "my_reward.py"
    file.write_text(VERL_FUNCTION)
    given = [rollout(f"r{i}", text) for i, text in enumerate(("it is 18", "hang", "it is 17"))]
    reward = f"{file}:compute_score"
    done = assay("score", "--reward", reward, "--execution-timeout-ms", "1500", stdin=lines(*given))
    assert done.code == 0
    assert [score_of(done.lines[i])["value"] for i in (0, 2)] == [1.0, 0.0]
    assert score_of(done.lines[0])["components"] == {reward: 1.0, f"{reward}/length": 8.0}
    assert reason_of(done.lines[1]) == "DEADLINE_EXCEEDED"


def test_an_unknown_reward_is_told_before_any_line_is_read():
    with subprocess.Popen([ASSAY, "score", "--reward", "x"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(60) == 2
        assert process.stderr is not None
        assert b"no reward is called 'x'" in process.stderr.read()


def test_a_server_that_is_not_there_has_its_own_exit_status():
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    done = assay("score", "--reward", "math", "--server", f"127.0.0.1:{port}", stdin=lines(rollout("r", "A: 18")))
    assert (done.code, done.lines) == (4, [])
    assert "not there" in done.stderr


def test_an_open_pipe_is_answered_line_by_line():
    with subprocess.Popen(
        [ASSAY, "score", "--reward", "math"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for index in range(5):
            process.stdin.write(lines(rollout(f"r{index}", f"A: {18 + index % 2}")))
            process.stdin.flush()
            answer = cast("dict[str, Json]", json.loads(process.stdout.readline()))
            assert answer["rolloutId"] == f"r{index}"
            assert score_of(answer)["value"] == float(index % 2 == 0)
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(60) == 0


def test_a_reader_that_goes_away_ends_the_command_quietly():
    given = lines(*[rollout(f"r{index}", "A: 18" + " " * 1000) for index in range(5000)])
    with subprocess.Popen(
        [ASSAY, "score", "--reward", "math"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, stderr = process.communicate(given, timeout=60)
    assert (process.returncode, stderr) == (141, b"")
