"""Suites of pytest files; what they import as ``solution`` is the candidate."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_sandbox.harness.assert_plan import BrokenSuite
from assay_sandbox.harness.link import Link
from assay_sandbox.harness.reports import Outcome, OutOfCandidates, Reports

MODULE = "solution"
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def load(folder: Path) -> None:
    """Check the files that lie in ``folder``, and import what they import.

    Raises:
        BrokenSuite: one does not compile, or imports what is not there.
    """
    sys.path.insert(0, os.fspath(folder.resolve()))
    own = {path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.rglob("*.py")} | {MODULE}
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes(), path.name)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise BrokenSuite(f"{path.name} does not compile: {error}") from error
        for name in _imported(tree):
            if name not in own and name not in sys.modules and importlib.util.find_spec(name) is None:
                raise BrokenSuite(f"{path.name} imports {name}, which suites do not have here")


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


class CandidateModule(types.ModuleType):
    """A module whose names are the candidate's."""

    def __init__(self, link: Link) -> None:
        super().__init__(MODULE)
        self.__dict__["__path__"] = []
        self.__dict__["_assay_link"] = link

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        link: Link = self.__dict__["_assay_link"]
        try:
            return link.named(name)
        except NameError as error:
            raise AttributeError(f"module {MODULE!r} has no attribute {name!r}") from error


def judge(folder: Path, scratch: Path, link: Link, reports: Reports) -> None:
    """Run all tests in ``folder`` against the candidate of ``link``."""
    sys.modules[MODULE] = CandidateModule(link)
    run(folder, scratch, reports)


def run(folder: Path, scratch: Path, reports: Reports) -> None:
    """Run all tests in ``folder``."""
    # What happens to be installed beside the server is no part of a suite.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    recorder = _Recorder(reports)
    arguments = [
        os.fspath(folder), "-q", "--no-header", "--tb=line", "--capture=sys", "--import-mode=prepend", "-c", os.devnull,
        f"--rootdir={folder}", f"--basetemp={scratch}", "-p", "no:cacheprovider", "-p", "no:faulthandler",
    ]  # fmt: skip
    try:
        status = pytest.main(arguments, plugins=[recorder])
    except OutOfCandidates:
        return
    if recorder.out_of_candidates:
        return
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        reports.broken("pytest finds no test in the suite's files")
    elif status not in _COMPLETE and not recorder.uncollected:
        reports.stopped(f"pytest ended early (status {int(status)})")
    else:
        reports.done()


class _Recorder:
    """Tells of tests as pytest runs them."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._outcome: Outcome = "PASSED"
        self._message = ""
        self._began = 0.0
        self.uncollected = False
        self.out_of_candidates = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a failed test: its imports are the program's."""
        if report.failed:
            self.uncollected = True
            self._reports.begin(report.nodeid)
            self._reports.end(report.nodeid, "ERROR", _last_line(report), 0.0)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._outcome, self._message = "PASSED", ""
        try:
            self._reports.begin(nodeid)
        except OutOfCandidates:
            self.out_of_candidates = True
            raise
        self._began = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test has ended."""
        if report.failed and self._outcome in ("PASSED", "SKIPPED"):
            self._outcome = "FAILED" if report.when == "call" else "ERROR"
            self._message = _last_line(report)
        elif report.skipped and self._outcome == "PASSED" and not hasattr(report, "wasxfail"):
            self._outcome = "SKIPPED"

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has ended."""
        self._reports.end(nodeid, self._outcome, self._message, time.monotonic() - self._began)


def _last_line(report: pytest.CollectReport | pytest.TestReport) -> str:
    lines = [line for line in report.longreprtext.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
