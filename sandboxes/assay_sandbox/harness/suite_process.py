"""A suite in a sandbox of its own: loaded once, judging one candidate after the other, each in a fork."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import socket
from collections.abc import Callable, Sequence
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


def run(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: load the suite in ``payload`` (JSON) and judge what the first channel brings, until it closes.

    The other channels are for candidates, where sockets cannot be handed over.
    """
    control, *spares = channels
    try:
        tests, judge = _loaded(cast("dict[str, str]", json.loads(payload)))
    except BrokenSuite as error:
        send_frame(control, BROKEN, {"message": str(error)[:2000]})
        return
    send_frame(control, READY, {"tests": tests})
    gc.collect()
    gc.freeze()
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


def _loaded(suite: dict[str, str]) -> tuple[tuple[str, ...], _Judge]:
    """Names of the tests, and what runs them."""
    if suite["kind"] == "pytest":
        from assay_sandbox.harness import pytesting

        pytesting.load(Path())
        return (), lambda link, reports: pytesting.judge(Path(), Path(SCRATCH), link, reports)
    loaded = asserting.load(suite["prelude"], suite["code"], suite["entryPoint"])
    return loaded.tests, lambda link, reports: asserting.judge(loaded, link, reports)


def _judge_and_end(control: socket.socket, spares: Sequence[socket.socket], descriptor: int, judge: _Judge) -> None:
    """One job, in a process of its own; never returns."""
    status = 1
    try:
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        link = Link(Caps())
        reports = Reports(control, link, spares)
        try:
            link.attach(descriptor)
        except (Exception, SystemExit, CandidateLost) as error:  # noqa: BLE001 - whatever the program raises
            reports.unloaded(told(error), syntax=isinstance(error, SyntaxError))
        else:
            judge(link, reports)
        status = 0
    finally:
        os._exit(status)
