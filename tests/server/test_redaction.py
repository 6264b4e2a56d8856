"""What a log never shows, wherever it stands."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from assay_server.audit import begin_note, note_run
from assay_server.logs import log_errors_only, log_to_stderr
from assay_server.redaction import HIDDEN, redacted

SECRET = "Zq9xW3vT7rL1mK5pB8nC2dF6gH4jS0aE"
KEY = f"assay_0123456789ab_{SECRET}"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"the key {KEY} is none",
        f"authorization: Bearer {SECRET}",
        f"Basic {SECRET}=",
        f"cannot reach redis://gateway:{SECRET}@redis:6379/0 now",
        f"rediss://:{SECRET}@host",
        f"postgresql://user:{SECRET}@db/x?y={KEY}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str):
    assert SECRET not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "text",
    ["", "no key here", "http://host:8080/path", "a token budget of 12", "assay_server.api", "Bearer", "x://a@b"],
)
def test_other_text_stays(text: str):
    assert redacted(text) == text


@given(st.text(alphabet="abc:/@_ 0123456789-", max_size=300))
def test_redaction_only_ever_hides(text: str):
    hidden = redacted(text)
    assert HIDDEN in hidden or hidden == text


def test_it_takes_no_longer_than_the_text_is_long():
    for piece in ("://", "://a:", "assay_", "Bearer ", "://a:b"):
        assert redacted(piece * 100_000)


def test_a_server_logs_no_secret(monkeypatch: pytest.MonkeyPatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    log_to_stderr("info")
    try:
        log = structlog.get_logger("test")
        log.info(KEY, authorization=SECRET, url=f"redis://u:{SECRET}@h", rewards=3)
        log.warning(
            "nested", headers={"Authorization": SECRET, "x": [f"Bearer {SECRET}"]}, api_key=SECRET, token_budget=7
        )
        try:
            raise ValueError(f"redis://u:{SECRET}@h is not there")
        except ValueError:
            log.exception("failed")
    finally:
        structlog.reset_defaults()
    assert SECRET not in written.getvalue()
    first, second, _ = map(json.loads, written.getvalue().splitlines())
    assert first["rewards"] == 3
    assert second["token_budget"] == 7
    assert second["headers"]["Authorization"] == HIDDEN


def test_a_server_logs_whose_call_it_was(monkeypatch: pytest.MonkeyPatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    log_to_stderr("info")
    try:
        note = begin_note()
        note.tenant = "vision"
        note_run("run-7")
        structlog.get_logger("test").info("in a call")
        structlog.get_logger("test").info("of another", run="run-8")
        begin_note()
        structlog.get_logger("test").info("of nobody's")
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line.get("tenant"), line.get("run")) for line in lines] == [
        ("vision", "run-7"), ("vision", "run-8"), (None, None),
    ]  # fmt: skip


def test_an_embedded_server_tells_errors_plainly_and_without_secrets(monkeypatch: pytest.MonkeyPatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    structlog.reset_defaults()
    log_errors_only()
    try:
        try:
            raise ValueError(f"tried {KEY}")
        except ValueError:
            structlog.get_logger("test").exception("failed")
    finally:
        structlog.reset_defaults()
    assert "ValueError" in written.getvalue()
    assert SECRET not in written.getvalue()
