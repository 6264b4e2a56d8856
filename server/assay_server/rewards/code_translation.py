"""``code/translation``: the same program in another language."""

from __future__ import annotations

from assay.sdk import Evidence, Lane, Ports, Sample, Score, Verdict, reward
from assay_server.rewards.code_blocks import canonical_language, find_program
from assay_server.rewards.code_unit_tests import evidence_of, no_program, suite_of


@reward(
    "code/translation-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.SANDBOX,
    reference_keys=("suite",),
    source="verify/code_translation (OORL, GEPO)",
)
async def translation(sample: Sample, ports: Ports, *, target: str) -> Score:
    """1 where the program passes ``reference.suite`` in the language ``target``, else 0.

    The program is a fenced block, see ``code/unit-tests``; one that says another language is no translation.

    Raises:
        Unscorable: as ``code/unit-tests``.
    """
    suite = suite_of(sample, allow_in_process=False)
    wanted = canonical_language(target)
    block = find_program(sample.response, wanted, "none")
    if block is None:
        return no_program()
    if block.language not in ("", wanted):
        reason = f"the program is in {block.language[:40]}, not in {wanted}"
        return Score(0.0, Verdict.INCORRECT, Evidence(block.text[:2000], block.method, block.start, block.end, reason))
    report = await ports.sandbox.run_tests(wanted, block.text, suite)
    verdict = Verdict.CORRECT if report.passed else Verdict.INCORRECT
    return Score(float(report.passed), verdict, evidence_of(block, report))
