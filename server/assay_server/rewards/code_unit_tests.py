"""``code/unit-tests``: does the program in the response pass the reference's suite?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from assay.sdk import Evidence, Json, Lane, Ports, Sample, Score, SuiteReport, SuiteTest, Unscorable, Verdict, reward
from assay_server.rewards.code_blocks import Block, Unfenced, canonical_language, find_program

_MOST_TESTS_SHOWN = 50
_LONGEST_SHOWN = 2000
_LONGEST_MESSAGE = 300


@reward(
    "code/unit-tests-v1",
    bounds=(0.0, 1.0),
    lane=Lane.SANDBOX,
    aliases=("unit-tests", "code"),
    reference_keys=("suite",),
    source="verify/code_tests",
)
async def unit_tests(
    sample: Sample,
    ports: Ports,
    *,
    credit: Literal["all", "fraction"] = "all",
    language: str = "",
    unfenced: Unfenced = "whole",
    allow_in_process: bool = False,
) -> Score:
    """1 where the program passes every test of ``reference.suite``, else 0; with ``credit="fraction"`` the part passed.

    The program is the last complete fenced block in ``language`` (by itself: ``reference.language``, else Python), see
    :func:`find_program`; ``unfenced`` says what a response without fences is. A suite that declares that it must share
    the program's process is refused unless ``allow_in_process``. Components: ``passed`` and ``fraction``.

    Raises:
        Unscorable: no suite (REFERENCE_MISSING), one that cannot be run (BAD_SUITE), a language that is not here.
    """
    suite = suite_of(sample, allow_in_process=allow_in_process)
    wanted = language_of(sample, language)
    block = find_program(sample.response, wanted, unfenced)
    if block is None:
        return no_program()
    report = await ports.sandbox.run_tests(wanted, block.text, suite)
    value = report.pass_fraction if credit == "fraction" else float(report.passed)
    return Score(
        value,
        Verdict.CORRECT if report.passed else Verdict.INCORRECT,
        evidence_of(block, report),
        components={"passed": float(report.passed), "fraction": report.pass_fraction},
    )


def suite_of(sample: Sample, *, allow_in_process: bool) -> Mapping[str, Json]:
    """The reference's suite. Raises Unscorable where there is none, or it is one that is refused."""
    suite = sample.reference.get("suite")
    if not isinstance(suite, Mapping) or not suite:
        message = 'the reference has no suite; send it as {"suite": {"kind": ...}}'
        raise Unscorable("REFERENCE_MISSING", message, field="reference.suite")
    if suite.get("isolation") == "IN_PROCESS" and not allow_in_process:
        message = "the suite wants to share the program's process; allow_in_process=true lets it"
        raise Unscorable("IN_PROCESS_REFUSED", message, field="reference.suite.isolation")
    return suite


def language_of(sample: Sample, language: str) -> str:
    """The language that the program shall be in."""
    given = language or sample.reference.get("language") or "python"
    return canonical_language(given if isinstance(given, str) else "python")


def no_program() -> Score:
    """The score of a response that holds no program: the model's failure."""
    return Score(0.0, Verdict.INCORRECT, Evidence(reason="no complete code block found"), components=_NOTHING)


_NOTHING = {"passed": 0.0, "fraction": 0.0}


def evidence_of(block: Block, report: SuiteReport) -> Evidence:
    """What was judged, and the first test that it did not pass."""
    failed = next((test for test in report.tests if test.outcome != "PASSED"), None)
    reason = f"passes all {len(report.tests)} tests"
    if report.compile_output:
        reason = f"does not compile: {report.compile_output[:_LONGEST_MESSAGE]}"
    elif failed is not None:
        reason = f"{failed.name}: {failed.message[:_LONGEST_MESSAGE] or failed.outcome}"
    detail: dict[str, Json] = {
        "tests": _shown(report.tests),
        "verdictIsolation": "SEPARATE" if report.separate else "IN_PROCESS",
    }
    return Evidence(
        block.text[:_LONGEST_SHOWN], block.method, block.start, block.end, reason, layer="tests", detail=detail
    )


def _shown(tests: Sequence[SuiteTest]) -> list[Json]:
    return [{"name": test.name, "outcome": test.outcome} for test in tests[:_MOST_TESTS_SHOWN]]
