"""The examples that need no trainer run as they are; OpenRLHF's call is answered as its executor reads answers."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest

from assay.integrations.service import Service

EXAMPLES = Path(__file__).parents[3] / "client" / "examples"


def printed(example: str, service: Service) -> list[str]:
    command = [sys.executable, EXAMPLES / example, service.target]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_groups_are_played_through_gymnasium(service: Service):
    pytest.importorskip("gymnasium", reason="the extra `environments` is not installed")
    steps, won = printed("gymnasium_vector.py", service)
    assert len(json.loads(steps.removeprefix("steps "))) == won.count("True") + won.count("False") == 8


def test_step_advantages_of_a_batch(service: Service):
    lines = printed("gigpo_advantages.py", service)
    assert lines[-1] == "t2 hall left out"
    assert [line.split()[-1][0] for line in lines[:4]] == ["+", "+", "-", "-"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The HTTP address of a server and its token's file."""
    token = tmp_path_factory.mktemp("served") / "token"
    environment = {
        **os.environ,
        "ASSAY_LISTEN": "127.0.0.1:0",
        "ASSAY_HTTP_LISTEN": "127.0.0.1:0",
        "ASSAY_STORE": "memory:",
        "ASSAY_TOKEN_FILE": str(token),
    }
    command = [sys.executable, "-c", "from assay_server.cli import main; main()", "serve"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            said = next(line for line in server.stderr if '"serving"' in line)
            yield cast("dict[str, str]", json.loads(said))["http"], token
        finally:
            server.terminate()


def asked_url(served: tuple[str, Path], **variables: str) -> str:
    """The URL that the example gives the trainer."""
    address, token = served
    folder = token.parent
    stand_in = folder / "python"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "ASSAY_TOKEN_FILE": str(token), **variables}
    environment |= {"ASSAY_HTTP": address}
    command = [EXAMPLES / "openrlhf_remote_reward.sh", "--data.input_key", "prompt"]
    given = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert given[:3] == ["-m", "openrlhf.cli.train_ppo_ray", "--reward.remote_url"]
    assert given[4:] == ["--data.input_key", "prompt"]
    return given[3]


def posted(url: str, payload: Mapping[str, object]) -> dict[str, list[float]]:
    """As a client that takes the user part of a URL for Basic authentication, which OpenRLHF's does."""
    found = re.fullmatch(r"http://([^@]+)@(.*)", url)
    assert found is not None
    basic = base64.b64encode(found[1].encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}
    plain = "http://" + quote(found[2], safe=":/?&=")
    request = urllib.request.Request(plain, json.dumps(payload).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return cast("dict[str, list[float]]", json.load(answer))


def payload(solution: str, label: str) -> dict[str, list[str]]:
    """What OpenRLHF's single-turn executor sends: one query that begins with its prompt."""
    return {"query": [f"9+9? {solution}<|im_end|>"], "prompts": ["9+9? "], "labels": [label]}


def test_openrlhf_gets_rewards_by_the_url_of_the_example(served: tuple[str, Path]):
    answer = posted(asked_url(served), payload("so A: 18", "18"))
    assert answer["rewards"] == answer["scores"] == [1.0]
    assert all(isinstance(value, list) for value in cast("dict[str, list[float]]", answer["extra_logs"]).values())


def test_openrlhf_is_told_where_there_is_no_reward(served: tuple[str, Path]):
    url = asked_url(served)
    with pytest.raises(urllib.error.HTTPError) as refused:
        posted(url, payload("so A: 18", "{}"))
    assert refused.value.code >= 400
    refused.value.close()
    answer = posted(f"{url}&unscored=-1", payload("so A: 18", "{}"))
    assert (answer["rewards"], cast("dict[str, list[float]]", answer["extra_logs"])["unscored"]) == ([-1.0], [1])


def test_shell_examples_are_whole():
    for script in EXAMPLES.glob("*.sh"):
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
