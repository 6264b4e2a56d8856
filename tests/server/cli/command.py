"""Running the command, in this process or as one of its own."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import structlog

from assay.sdk import Json
from assay_server.cli.app import app

ASSAY = str(Path(sys.executable).with_name("assay"))


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it wrote."""

    code: int
    lines: list[dict[str, Json]]
    stderr: str


def assay(*arguments: str, stdin: bytes = b"") -> Done:
    """Run a command in this process; :data:`ASSAY` is there for what only a process of its own can show."""
    stdout, stderr = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    structlog.reset_defaults()
    with tempfile.TemporaryFile("w+b") as given, pytest.MonkeyPatch.context() as patch:
        given.write(stdin)
        given.seek(0)
        patch.setattr(sys, "stdin", given)
        patch.setattr(sys, "stdout", stdout)
        patch.setattr(sys, "stderr", stderr)
        with pytest.raises(SystemExit) as ended:
            app(arguments, prog_name="assay")
    structlog.reset_defaults()
    stdout.flush()
    written = stdout.buffer.getvalue()
    lines = [cast("dict[str, Json]", json.loads(line)) for line in written.splitlines()]
    return Done(int(ended.value.code or 0), lines, stderr.getvalue())


def reason_of(answer: Mapping[str, Json]) -> Json:
    """The reason in an answer's error."""
    error = cast("dict[str, list[dict[str, Json]]]", answer["error"])
    return error["details"][0]["reason"]


def metadata_of(answer: Mapping[str, Json]) -> dict[str, Json]:
    """The metadata in an answer's error."""
    error = cast("dict[str, list[dict[str, dict[str, Json]]]]", answer["error"])
    return error["details"][0]["metadata"]
