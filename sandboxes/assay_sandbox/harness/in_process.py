"""A suite and its candidate in one process, for suites that declare that they must share it.

The program can change anything here, the tests included: what is reported is worth as much as the program is honest,
and the verdict says that it was made this way. A program that merely exits passes nothing: only a report that all tests
ended is one.
"""

from __future__ import annotations

import builtins
import json
import os
import socket
import sys
import types
from pathlib import Path
from typing import cast

from assay_sandbox.harness.assert_plan import TEST, BrokenSuite, planned
from assay_sandbox.harness.asserting import AssertSuite, Numbered, call_tests
from assay_sandbox.harness.reports import BROKEN, READY, Reports, send_frame, told

_MODULE = "solution"


class _Nobody:
    """The conversation of a suite that has no candidate elsewhere."""

    lost = False
    fault = ""

    def begin(self) -> None:
        return

    def attach(self, descriptor: int) -> None:
        raise AssertionError(f"there is no other candidate ({descriptor})")


def run(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: judge the program in ``payload`` (JSON: ``{"suite", "source"}``) and report over the first channel."""
    job = cast("dict[str, object]", json.loads(payload))
    suite, source = cast("dict[str, str]", job["suite"]), cast("str", job["source"])
    reports = Reports(channels[0], _Nobody())
    if suite["kind"] == "pytest":
        _run_pytest(source, channels[0], reports)
    else:
        _run_asserts(suite, source, channels[0], reports)
    # What the program left for the end of the interpreter is not run.
    os._exit(0)


def _run_pytest(source: str, control: socket.socket, reports: Reports) -> None:
    from assay_sandbox.harness import pytesting

    try:
        pytesting.load(Path())
    except BrokenSuite as error:
        send_frame(control, BROKEN, {"message": str(error)[:2000]})
        return
    Path(f"{_MODULE}.py").write_text(source, encoding="utf-8", errors="surrogatepass")
    send_frame(control, READY, {"tests": ()})
    pytesting.run(Path(), Path("scratch"), reports)


def _run_asserts(suite: dict[str, str], source: str, control: socket.socket, reports: Reports) -> None:
    try:
        plan = planned(suite["prelude"], suite["code"], "")
    except BrokenSuite as error:
        send_frame(control, BROKEN, {"message": str(error)[:2000]})
        return
    send_frame(control, READY, {"tests": plan.tests})
    module = types.ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    namespace = cast("dict[str, object]", module.__dict__)
    namespace["__builtins__"] = builtins
    try:
        exec(plan.prelude, namespace)  # noqa: S102 - the suite's own code
        exec(compile(source, f"{_MODULE}.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - as was declared
    except BaseException as error:  # noqa: BLE001 - whatever the program raises
        reports.unloaded(told(error), syntax=isinstance(error, SyntaxError))
        return
    entry = namespace.get(suite["entryPoint"].partition(".")[0].removesuffix("()"))
    namespace[TEST] = Numbered(reports, plan).test
    try:
        exec(plan.code, namespace)  # noqa: S102 - the suite's own code
        call_tests(AssertSuite(plan, namespace, suite["entryPoint"]), reports, entry)
    except BaseException as error:  # noqa: BLE001 - the program's or the suite's: no further test can run
        reports.stopped(told(error))
    else:
        reports.done()
