"""Suites of plain asserts: ``{prelude, code, entryPoint}``, as in HumanEval and MBPP.

Every statement with an assert, at the top of the code or in the body of its ``check`` function, is a test. Code without
any may define functions ``test...`` or unittest cases instead.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import types
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from assay_sandbox.harness.assert_plan import CHECK, TEST, BrokenSuite, Plan, planned
from assay_sandbox.harness.forgetful import keeps_nothing
from assay_sandbox.harness.link import CandidateLost, Link
from assay_sandbox.harness.reports import OutOfCandidates, Reports, TestReport, told


@dataclass(frozen=True, slots=True)
class AssertSuite:
    """A loaded suite.

    Attributes:
        namespace: what its code runs in; the prelude's results are there where that could run without a candidate.
        entry_point: ``f``, ``Class.f`` or ``Class().f``; may be empty.
        forgetful: one process can judge many candidates with it.
    """

    plan: Plan
    namespace: dict[str, object]
    entry_point: str
    forgetful: bool = False

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the tests."""
        return self.plan.tests


def load(prelude: str, code: str, entry_point: str) -> AssertSuite:
    """Compile, and run the prelude where it does not need the candidate.

    Raises:
        BrokenSuite: it does not compile, its prelude fails, or it has no test.
    """
    plan = planned(prelude, code, _root(entry_point))
    if plan.needs_entry_point and not entry_point:
        raise BrokenSuite("its check takes the candidate, but there is no entryPoint")
    namespace: dict[str, object] = {"__name__": "suite", "__builtins__": builtins}
    if plan.early:
        try:
            _run(plan.prelude, namespace)
        except (Exception, SystemExit) as error:
            raise BrokenSuite(f"the prelude fails: {told(error)}") from error
    return AssertSuite(plan, namespace, entry_point, plan.early and keeps_nothing(prelude, code))


def judge(suite: AssertSuite, link: Link, reports: Reports) -> None:
    """Run the tests against the candidate of ``link``; what happens is told to ``reports``."""
    if suite.forgetful:  # otherwise functions of the prelude look into the namespace that they began in
        suite = replace(suite, namespace=dict(suite.namespace))
    namespace, plan = suite.namespace, suite.plan
    root = _root(suite.entry_point)
    try:
        namespace.update(_found(link, plan.names))
        entry = link.named(root) if root else None
    except (Exception, SystemExit, CandidateLost) as error:  # noqa: BLE001 - whatever the program raises
        reports.unloaded(told(error))
        return
    namespace.update({root: entry} if root else {})
    namespace[TEST] = Numbered(reports, plan).test
    try:
        if not plan.early:
            _run(plan.prelude, namespace)
            namespace.update({root: entry} if root else {})
        _run(plan.code, namespace)
        call_tests(suite, reports, entry)
    except OutOfCandidates:
        return
    except BaseException as error:  # noqa: BLE001 - the program's or the suite's: no further test can run
        reports.stopped(told(error))
    else:
        reports.done()


@dataclass(frozen=True, slots=True)
class Numbered:
    """The tests of a plan that are statements."""

    reports: Reports
    plan: Plan

    def test(self, number: int) -> TestReport:
        """The context in which a statement of the suite's runs."""
        return self.reports.test(self.plan.tests[number], self.plan.sources[number])


def _root(entry_point: str) -> str:
    return entry_point.partition(".")[0].removesuffix("()")


def _run(code: types.CodeType, namespace: dict[str, object]) -> None:
    exec(code, namespace)  # noqa: S102 - the suite's own code, in the suite's own sandbox


def _found(link: Link, names: tuple[str, ...]) -> dict[str, object]:
    """Those of the names that the candidate defines."""
    found: dict[str, object] = {}
    for name in names:
        with contextlib.suppress(NameError):
            found[name] = link.named(name)
    return found


def call_tests(suite: AssertSuite, reports: Reports, entry: object) -> None:
    """Run those tests that running the code only defined; ``entry`` is what the entry point's first name means."""
    namespace, plan = suite.namespace, suite.plan
    if plan.calls_check:
        check = cast("Callable[..., object]", namespace[CHECK])
        operands = (_reached(entry, suite.entry_point),) if inspect.signature(check).parameters else ()
        if plan.sources:
            check(*operands)
            return
        with reports.test(CHECK):
            check(*operands)
    for name in plan.functions:
        with reports.test(name):
            cast("Callable[[], object]", namespace[name])()
    for value in [*namespace.values()]:
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "suite":
            _run_cases(value, reports)


def _run_cases(kind: type[unittest.TestCase], reports: Reports) -> None:
    kind.setUpClass()
    for name in unittest.defaultTestLoader.getTestCaseNames(kind):
        with reports.test(f"{kind.__name__}.{name}"):
            kind(name).debug()
    kind.tearDownClass()


def _reached(entry: object, entry_point: str) -> object:
    for value in _path(entry, entry_point):
        entry = value
    return entry


def _path(value: object, entry_point: str) -> Iterator[object]:
    first, *rest = entry_point.split(".")
    if first.endswith("()"):
        value = cast("Callable[[], object]", value)()
    yield value
    for name in rest:
        value = getattr(value, name)
        yield value
