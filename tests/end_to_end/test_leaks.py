"""The check that all answers of these tests go through sees what it is there for, and no more."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from assay_server.execution.plugin_files import BrokenPlugin, load_plugin_file

from .leaks import leak_in, leak_in_json


def trace() -> str:
    """A real one."""
    try:
        json.loads("{")
    except ValueError:
        return traceback.format_exc()
    raise AssertionError("unreachable")


def diagnosis(source: str, folder: Path) -> str:
    """What the author of a source is told, as processes of registered plugins say it."""
    file = folder / "plugin.py"
    file.write_text(source, encoding="utf-8")
    with pytest.raises(BrokenPlugin) as broken:
        load_plugin_file(str(file))
    return str(broken.value).replace(str(file), "the source").replace(file.name, "the source")


SOURCES = ("(", "x = 'é", "def f():\nreturn 1", "import nothing_of_this_name", "a = 1\nraise ValueError('b')", "1 / 0")


@pytest.mark.parametrize("source", SOURCES)
def test_what_an_author_is_told_of_a_source_is_no_leak(source: str, tmp_path: Path) -> None:
    told = diagnosis(source, tmp_path)
    assert " on import: " in told
    assert leak_in(told) == ""
    assert leak_in_json({"error": {"message": told, "details": [{"description": told}]}}) == ""
    assert leak_in(f"the plugin cannot be loaded any more: {told}") == ""


@pytest.mark.parametrize("source", SOURCES)
def test_a_trace_beside_it_is_one(source: str, tmp_path: Path) -> None:
    told = diagnosis(source, tmp_path)
    for leaking in (f"{told}\n{trace()}", f"{trace()}\n{told}", f"{__file__}: {told}", f"ValueError: {told}"):
        assert leak_in(leaking)
        assert leak_in_json({"error": {"message": "it failed", "details": [None, {"description": leaking}]}})


@pytest.mark.parametrize(
    "text",
    [
        trace(),
        "Traceback (most recent call last):",
        '  File "guest", line 3, in serve',
        "KeyError: 'reward'",
        "grpc._cython.cygrpc.InternalError raised",
        "server/assay_server/api/handlers.py",
        "cannot open /tmp/assay-x/records",
        "<assay_server.pipeline.runs.Runs object at 0x7f00>",
        "Expecting value: line 1 column 2 (char 1)",
        "(plugin.py, line 1)",
    ],
)
def test_the_servers_own_insides_are_leaks(text: str) -> None:
    assert leak_in(text)
    assert leak_in_json([{"a": [text]}, 1])
    assert leak_in_json({text: None})


@pytest.mark.parametrize("text", ["", "INTERNAL_ERROR", "expected an object, got a list", "the source: nothing in it"])
def test_plain_words_are_none(text: str) -> None:
    assert leak_in(text) == ""
