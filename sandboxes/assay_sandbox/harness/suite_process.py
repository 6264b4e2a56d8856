"""A suite in a sandbox of its own: loaded once, judging one candidate after the other, each in a fork."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from assay_sandbox.harness import asserting
from assay_sandbox.harness.assert_plan import BrokenSuite
from assay_sandbox.harness.link import CandidateLost, Link
from assay_sandbox.harness.plain import Caps
from assay_sandbox.harness.reports import BROKEN, GONE, JOB, READY, Reports, receive_candidate, send_frame, told

_Judge = Callable[[Link, Reports], None]
SCRATCH = "scratch"
"""Directory for what a job writes; emptied after it."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A suite that can judge.

    Attributes:
        forgetful: it keeps nothing of a job; else each job needs a process of its own.
    """

    tests: tuple[str, ...]
    judge: _Judge
    forgetful: bool


def run(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: load the suite in ``payload`` (JSON) and judge what the first channel brings, until it closes.

    The other channels are for candidates, where sockets cannot be handed over.
    """
    control, *spares = channels
    try:
        suite = _loaded(cast("dict[str, str]", json.loads(payload)))
    except BrokenSuite as error:
        send_frame(control, BROKEN, {"message": str(error)[:2000]})
        return
    send_frame(control, READY, {"tests": suite.tests})
    gc.collect()
    gc.freeze()
    if suite.forgetful and not spares:
        _judge_here(control, suite.judge)
    else:
        _judge_in_forks(control, spares, suite.judge)


def _judge_here(control: socket.socket, judge: _Judge) -> None:
    """All jobs in this process: what one leaves behind is garbage."""
    _say_nothing()
    while True:
        said, descriptor = receive_candidate(control, ())
        if said != JOB:
            return
        status = 1
        with contextlib.suppress(Exception, SystemExit, CandidateLost):  # the status says so
            _judge_one(control, (), descriptor, judge)
            status = 0
        gc.collect()
        send_frame(control, GONE, {"status": status})


def _judge_in_forks(control: socket.socket, spares: Sequence[socket.socket], judge: _Judge) -> None:
    while True:
        said, descriptor = receive_candidate(control, spares)
        if said != JOB:
            return
        child = os.fork()
        if child == 0:
            _judge_and_end(control, spares, descriptor, judge)
        if descriptor not in [spare.fileno() for spare in spares]:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(SCRATCH, ignore_errors=True)
        send_frame(control, GONE, {"status": os.waitstatus_to_exitcode(status)})


def _loaded(suite: dict[str, str]) -> _Loaded:
    if suite["kind"] == "pytest":
        from assay_sandbox.harness import pytesting

        pytesting.load(Path())
        return _Loaded((), lambda link, reports: pytesting.judge(Path(), Path(SCRATCH), link, reports), forgetful=False)
    loaded = asserting.load(suite["prelude"], suite["code"], suite["entryPoint"])
    return _Loaded(loaded.tests, lambda link, reports: asserting.judge(loaded, link, reports), loaded.forgetful)


def _judge_and_end(control: socket.socket, spares: Sequence[socket.socket], descriptor: int, judge: _Judge) -> None:
    """One job, in a process of its own; never returns."""
    status = 1
    try:
        _say_nothing()
        _judge_one(control, spares, descriptor, judge)
        status = 0
    finally:
        os._exit(status)


def _say_nothing() -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


def _judge_one(control: socket.socket, spares: Sequence[socket.socket], descriptor: int, judge: _Judge) -> None:
    link = Link(Caps())
    reports = Reports(control, link, spares)
    try:
        link.attach(descriptor)
    except (Exception, SystemExit, CandidateLost) as error:  # noqa: BLE001 - whatever the program raises
        reports.unloaded(told(error), syntax=isinstance(error, SyntaxError))
    else:
        judge(link, reports)
    finally:
        link.close()
