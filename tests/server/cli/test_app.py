from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.client import Client
from assay_server.cli.app import app

from .command import ASSAY

COMMANDS = ("serve", "score", "advantages", "compute", "rescore", "doctor", "version")


def test_help_names_every_command():
    text = CliRunner().invoke(app, ["--help"]).stdout
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_help_imports_nothing_heavy():
    code = "import sys, assay_server.cli.app; print([m for m in ('grpc', 'numpy', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_printed_for_people_and_for_programs():
    text = CliRunner().invoke(app, ["version"]).stdout
    versions = json.loads(CliRunner().invoke(app, ["version", "--json"]).stdout)
    assert versions["assay-server"] in text
    assert {"python", "assay-client", "grpcio"} <= versions.keys()


@pytest.mark.parametrize("http", ["", "127.0.0.1:0"])
def test_serve_runs_until_sigterm_and_ends_with_0(tmp_path: Path, http: str):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    environment = {**os.environ, "ASSAY_TOKEN_FILE": str(tmp_path / "token"), "ASSAY_HTTP_LISTEN": http}
    command = [ASSAY, "serve", "--listen", f"127.0.0.1:{port}", "--store", f"sqlite:{tmp_path / 'assay.db'}"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            with Client(f"127.0.0.1:{port}") as client:
                client.wait_ready(60)
            assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert (tmp_path / "assay.db").exists()


def test_a_setting_that_cannot_be_used_is_a_usage_error():
    done = subprocess.run(
        [ASSAY, "serve"],
        env={**os.environ, "ASSAY_MAX_IN_FLIGHT": "many"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "max_in_flight" in done.stderr
