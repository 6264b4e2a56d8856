"""The pages for users say what is so: links lead somewhere, the example runs, the reasons are those of the code."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assay_server.sessions.values import Reason

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server" / "assay_server"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REASON = re.compile(r"[A-Z]{2,}(?:_[A-Z0-9]+)*")
REFUSALS = {"Failure", "Unscorable", "BadLine", "invalid"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_trainer_example_runs_as_written(tmp_path: Path):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 25
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
    environment = {**os.environ, "ASSAY_TOKEN_FILE": str(tmp_path / "token"), "ASSAY_HTTP_LISTEN": ""}
    serve = [str(Path(sys.executable).with_name("assay")), "serve", "--listen", address, "--store", "memory:"]
    with subprocess.Popen(serve, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert "serving" in server.stderr.readline()
            done = subprocess.run(
                [sys.executable, "-c", code.replace("localhost:50051", address)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        finally:
            server.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.splitlines()
    assert sum(" reward " in line for line in printed) == sum(" advantage " in line for line in printed) == 8
    assert "p1.2 reward 1.0" in printed


def refusals_in(source: str) -> set[str]:
    """Reasons that are written down where something is refused."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
            values = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "reason")]
            constants = [value.value for value in values if isinstance(value, ast.Constant)]
            found |= {value for value in constants if isinstance(value, str)}
    return {reason for reason in found if REASON.fullmatch(reason)}


def test_the_errors_page_lists_the_reasons_of_the_code_and_no_others():
    sources = [path.read_text() for path in SERVER.rglob("*.py")]
    page = (ROOT / "docs" / "errors.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE))
    assert set().union(*map(refusals_in, sources)) - listed == set()
    assert {reason.value for reason in Reason} - listed == set()
    assert {reason for reason in listed if not any(f'"{reason}"' in source for source in sources)} == set()


def test_the_page_of_the_flow_is_an_image_with_words_for_those_who_do_not_see_it():
    drawing = (ROOT / "docs" / "flow.svg").read_text()
    assert "<title" in drawing
    assert "<desc" in drawing
