"""What holds for every test: a skip is an answer only where the run allows it, and no example has a time limit."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("assay", deadline=None)  # machines are noisy
settings.load_profile("assay")

REQUIRED = [word.strip().lower() for word in os.environ.get("ASSAY_REQUIRE", "").split(",") if word.strip()]


def _is_required(nodeid: str, reason: str) -> bool:
    """ASSAY_REQUIRE=all names every test; other words name the tests whose id or skip reason contains them.

    A combination of parameters that is no case says "does not apply": nothing could be installed that makes it one.
    """
    if reason.removeprefix("Skipped: ").startswith("does not apply"):
        return False
    text = f"{nodeid} {reason}".lower()
    return any(word == "all" or word in text for word in REQUIRED)


def _fail_if_required(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if _is_required(report.nodeid, reason):
        report.outcome = "failed"
        report.longrepr = f"ASSAY_REQUIRE={','.join(REQUIRED)} does not allow this skip. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_required(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_required(report)
    return report
