"""``code/efficiency``: how fast is a right program, beside the reference's?"""

from __future__ import annotations

from assay.sdk import Lane, Ports, Sample, Score, SuiteReport, Unscorable, Verdict, reward
from assay_server.rewards.code_blocks import Unfenced, find_program
from assay_server.rewards.code_unit_tests import evidence_of, language_of, no_program, suite_of
from assay_server.rewards.references import reference_text

_NOISE_SECONDS = 0.01
"""CPU time that starting and measuring may take: differences below it mean nothing."""


@reward(
    "code/efficiency-v1",
    bounds=(0.0, 1.0),
    lane=Lane.SANDBOX,
    reference_keys=("suite", "solution"),
    deterministic=False,
)
async def efficiency(sample: Sample, ports: Ports, *, language: str = "", unfenced: Unfenced = "whole") -> Score:
    """``min(1, t_reference / t_program)`` of CPU time over the suite where the program passes it, else 0.

    ``reference.solution`` is a program that passes ``reference.suite``; both are run one after the other. 10 ms are
    added to both times. Components: ``passed`` and the seconds of both.

    Raises:
        Unscorable: the reference's solution does not pass (REFERENCE_UNPARSEABLE), and as ``code/unit-tests``.
    """
    suite = suite_of(sample, allow_in_process=False)
    solution = reference_text(sample.reference, "solution")
    wanted = language_of(sample, language)
    block = find_program(sample.response, wanted, unfenced)
    if block is None:
        return no_program()
    report = await ports.sandbox.run_tests(wanted, block.text, suite)
    if not report.passed:
        return Score(0.0, Verdict.INCORRECT, evidence_of(block, report), components={"passed": 0.0})
    reference = await ports.sandbox.run_tests(wanted, solution, suite)
    if not reference.passed:
        message = "reference 'solution': it does not pass the suite itself"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.solution")
    ours, theirs = _seconds(report), _seconds(reference)
    value = min(1.0, (theirs + _NOISE_SECONDS) / (ours + _NOISE_SECONDS))
    components = {"passed": 1.0, "seconds": ours, "reference_seconds": theirs}
    return Score(value, Verdict.CORRECT, evidence_of(block, report), components=components)


def _seconds(report: SuiteReport) -> float:
    return sum(test.cpu_seconds for test in report.tests)
