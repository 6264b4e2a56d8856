"""Formats that trainers speak already: OpenRLHF's remote reward and SandboxFusion's run_code."""

from __future__ import annotations

import base64
import json
from typing import cast

import pytest

from assay.sdk import Json

from .door import Doors, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "<s>What is 9 + 9?"
QUERY: Json = [f"<pad>{PROMPT} A: 18</s></s>", f"{PROMPT} A: 17</s>"]


def asked(**fields: Json) -> Json:
    return {"query": QUERY, "prompts": [PROMPT, PROMPT], "labels": ["18", "18"], **fields}


async def test_rewards_in_the_order_of_queries(door: Doors) -> None:
    url = f"http://trainer:{door.token}@{door.process.http_address}/get_reward"
    response = await door.http.post(f"{url}?reward=math&eos=</s>", json=asked())
    assert response.status_code == 200, response.text
    assert response.json() == {"rewards": [1.0, 0.0], "scores": [1.0, 0.0], "extra_logs": {"unscored": [0.0, 0.0]}}


async def test_ends_of_text_are_no_part_of_a_response(door: Doors) -> None:
    body: Json = {"query": ["Paris</s><pad><pad></s>"], "labels": ["Paris"]}
    with_ends = await door.post("/get_reward?reward=exact_match", body)
    without = await door.post("/get_reward?reward=exact_match&eos=</s>&eos=<pad>", body)
    assert (with_ends.json()["rewards"], without.json()["rewards"]) == ([0.0], [1.0])


@pytest.mark.parametrize("label", ["18", {"answer": "18"}, '{"answer": "18"}'])
async def test_labels_are_answers_or_whole_references(door: Doors, label: Json) -> None:
    body: Json = {"query": ["A: 18"], "labels": [label]}
    assert (await door.post("/get_reward?reward=math", body)).json()["rewards"] == [1.0]


async def test_a_label_may_be_put_under_a_key(door: Doors) -> None:
    body: Json = {"query": ["A: 18"], "labels": ["18"]}
    assert (await door.post("/get_reward?reward=math&label=answer", body)).json()["rewards"] == [1.0]


async def test_what_cannot_be_scored_is_never_a_silent_0(door: Doors) -> None:
    body = asked(labels=["18", None])
    response = await door.post("/get_reward?reward=math", body)
    assert response.status_code == 400
    error = refused(response)
    assert error.reason == "REFERENCE_MISSING"
    assert "query[1]" in error.message
    chosen = await door.post("/get_reward?reward=math&eos=</s>&unscored=-0.5", body)
    assert chosen.json() == {"rewards": [1.0, -0.5], "scores": [1.0, -0.5], "extra_logs": {"unscored": [0.0, 1.0]}}


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("", {"query": []}, "reward"),
        ("?reward=math&unscored=nan", {"query": []}, "unscored"),
        ("?reward=math&rewards=math", {"query": []}, "rewards"),
        ("?reward=math", [], "body"),
        ("?reward=math", {}, "query"),
        ("?reward=math", {"query": "text"}, "query"),
        ("?reward=math", {"query": [1]}, "query[0]"),
        ("?reward=math", {"query": ["a"], "prompts": []}, "query"),
        ("?reward=math", {"query": ["a"], "labels": "a"}, "query"),
        ("?reward=math", {"query": ["a"], "prompts": ["b"]}, "query[0]"),
        ("?reward=math", {"query": ["\ud800"]}, "query"),
        ("?reward=math", {"query": ["a"], "answers": []}, "answers"),
    ],
)
async def test_requests_for_rewards_that_make_no_sense(door: Doors, query: str, body: Json, field: str) -> None:

    response = await door.post(f"/get_reward{query}", json.dumps(body).encode())
    assert response.status_code == 400
    assert refused(response).message.startswith(f"{field}:")


async def test_shims_are_for_who_has_the_token(door: Doors) -> None:
    for path in ("/get_reward?reward=math", "/run_code"):
        assert (await door.post(path, {}, known=False)).status_code == 401


async def run(door: Doors, **fields: Json) -> dict[str, Json]:
    """The answer of run_code."""
    response = await door.post("/run_code", {"language": "python", **fields})
    assert response.status_code == 200, response.text
    answer = cast("dict[str, Json]", response.json())
    assert set(answer) == {"status", "message", "compile_result", "run_result", "executor_pod_name", "files"}
    return answer


async def test_a_program_runs_with_its_input_files_and_arguments(door: Doors) -> None:
    code = "import sys; print(input(), open('data.txt').read(), sys.argv[1]); print('e', file=sys.stderr)"
    data = base64.b64encode(b"from a file").decode()
    answer = await run(door, code=code, stdin="typed\n", files={"data.txt": data, "none": None}, args=["x"])
    assert (answer["status"], answer["message"]) == ("Success", "")
    result = cast("dict[str, Json]", answer["run_result"])
    assert set(result) == {"status", "execution_time", "return_code", "stdout", "stderr"}
    assert (result["status"], result["return_code"]) == ("Finished", 0)
    assert (result["stdout"], result["stderr"]) == ("typed from a file x\n", "e\n")
    assert cast("float", result["execution_time"]) > 0


async def test_how_programs_end(door: Doors) -> None:
    failed = await run(door, code="import sys; sys.exit(3)")
    killed = await run(door, code="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    slow = await run(door, code="while True: pass", run_timeout=0.3)
    big = await run(door, code="x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1", memory_limit_MB=64)
    assert [answer["status"] for answer in (failed, killed, slow, big)] == ["Failed"] * 4
    codes = [cast("dict[str, Json]", answer["run_result"])["return_code"] for answer in (failed, killed, slow)]
    assert codes == [3, -9, None]
    assert cast("dict[str, Json]", slow["run_result"])["status"] == "TimeLimitExceeded"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"language": "python"}, 400),
        ({"code": "1"}, 400),
        ({"code": "1", "language": "cobol-74"}, 400),
        ({"code": "1", "language": "python", "run_timeout": 0}, 400),
        ({"code": "1", "language": "python", "compile_timeout": "10"}, 400),
        ({"code": "1", "language": "python", "memory_limit_MB": 0}, 400),
        ({"code": "1", "language": "python", "files": {"a": "???"}}, 400),
        ({"code": "1", "language": "python", "files": {"../a": ""}}, 400),
        ({"code": "1", "language": "python", "args": [1]}, 400),
        ({"code": "1", "language": "python", "fetch_files": ["a"]}, 501),
        ({"code": "1", "language": "python", "shell": True}, 400),
        ([], 400),
    ],
)
async def test_programs_that_cannot_be_run_as_asked(door: Doors, fields: Json, status: int) -> None:
    response = await door.post("/run_code", fields)
    assert response.status_code == status, response.text
    refused(response)
