"""Suites that declare that they must share the candidate's process. The verdict says so."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping

from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.harness.reports import BEGIN, BROKEN, DONE, END, READY, STOPPED, UNLOADED
from assay_sandbox.protocol import Backend, Launch, Limits, PythonCall
from assay_sandbox.suites.program import Program
from assay_sandbox.suites.talking import Talk, Watch, limits_of_run, texts
from assay_sandbox.suites.verdict import Isolation, TestOutcome, TestResult, Verdict, bad_suite, timed

_ENTRY = "assay_sandbox.harness.in_process:run"
_TESTS = 100
_MOST_TESTS = 20_000


class InProcessJob:
    """One program with its suite in one run. Nothing is run again after the program has ended."""

    def __init__(
        self, backend: Backend, suite: Mapping[str, str], files: Mapping[str, bytes], source: str, limits: Limits
    ) -> None:
        payload = json.dumps({"suite": suite, "source": source}).encode()
        self._watch = Watch(limits)
        launch = Launch(PythonCall(_ENTRY, payload), limits_of_run(limits, _TESTS), files=files)
        self._program = Program(backend, launch, self._watch)
        self._names: list[str] = []
        self._results: dict[str, TestResult] = {}
        self._begun = ""
        self._compile_output = ""
        self._over = False

    async def verdict(self) -> Verdict:
        """Run all tests. Raises Unjudged (BAD_SUITE), WorkerLost, SandboxUnavailable."""
        with self._watch:
            try:
                theirs, ours = socket.socketpair()
                talk = Talk(ours)
                try:
                    await self._program.start(theirs)
                    while not self._over:
                        self._told(*await talk.receive_object())
                    await self._program.finish()
                finally:
                    talk.close()
            except ChannelClosed:
                kind, message = await self._program.lost()
                name = self._next()
                self._results[name] = TestResult(name, kind or TestOutcome.FAILED, message=message or "no report")
            finally:
                await self._program.close()
        return Verdict(self._all(), self._compile_output, Isolation.IN_PROCESS, self._program.use)

    def _told(self, letter: bytes, said: Mapping[str, object]) -> None:
        name, message = str(said.get("name", "")), str(said.get("message", ""))
        self._watch.turn()
        if letter == READY:
            self._names = texts(said.get("tests"))
        elif letter == BEGIN:
            self._begun = name
        elif letter == END:
            self._ended(name, str(said.get("outcome")), message, said.get("wall"))
        elif letter == DONE:
            self._over = True
        elif letter == STOPPED:
            self._over = True
            name = self._next()
            self._results[name] = TestResult(name, TestOutcome.FAILED, message=f"outside the tests: {message}")
        elif letter == UNLOADED:
            self._unloaded(message, said.get("syntax") is True)
        else:
            raise bad_suite("suite", message if letter == BROKEN else "it broke the protocol")

    def _ended(self, name: str, outcome: str, message: str, wall: object) -> None:
        self._begun = ""
        if outcome == "SKIPPED":
            return
        kind = {"PASSED": TestOutcome.PASSED, "FAILED": TestOutcome.FAILED}.get(outcome, TestOutcome.ERROR)
        before = self._results.get(name)
        if before is None and len(self._results) >= _MOST_TESTS:
            raise bad_suite("suite", f"more than {_MOST_TESTS} tests")
        if before is None or before.outcome is TestOutcome.PASSED:
            seconds = wall if isinstance(wall, float) else 0.0
            self._results[name] = TestResult(name, kind, wall_ms=seconds * 1000, message=message)

    def _unloaded(self, message: str, syntax: bool) -> None:
        self._over = True
        self._compile_output = message if syntax else ""
        told = f"the program could not be loaded: {message}"
        for name in self._names or ["program"]:
            self._results[name] = TestResult(name, TestOutcome.FAILED, message=told)

    def _next(self) -> str:
        return self._begun or next((name for name in self._names if name not in self._results), "program")

    def _all(self) -> tuple[TestResult, ...]:
        names = [*self._names, *(name for name in self._results if name not in self._names)]
        missing = (self._results.get(name) or TestResult(name, TestOutcome.NOT_RUN) for name in names)
        return timed(missing, self._program.use)
