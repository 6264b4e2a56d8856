"""``code/syntax`` and ``code/compiles``: is it a program at all?"""

from __future__ import annotations

from assay.sdk import Lane, Ports, Sample, Score, Verdict, reward
from assay_server.rewards.code_blocks import Unfenced, find_program
from assay_server.rewards.code_unit_tests import evidence_of, language_of, no_program


@reward("code/syntax-v1", bounds=(0.0, 1.0), binary=True, lane=Lane.SANDBOX, aliases=("syntax",))
async def syntax(sample: Sample, ports: Ports, *, language: str = "", unfenced: Unfenced = "whole") -> Score:
    """1 where the program in the response can be parsed, else 0. Found as by ``code/unit-tests``; nothing is run."""
    return await _compiled(sample, ports, language, unfenced, syntax_only=True)


@reward("code/compiles-v1", bounds=(0.0, 1.0), binary=True, lane=Lane.SANDBOX, aliases=("compiles",))
async def compiles(sample: Sample, ports: Ports, *, language: str = "", unfenced: Unfenced = "whole") -> Score:
    """1 where the program in the response compiles, else 0. Found as by ``code/unit-tests``; nothing is run."""
    return await _compiled(sample, ports, language, unfenced, syntax_only=False)


async def _compiled(sample: Sample, ports: Ports, language: str, unfenced: Unfenced, *, syntax_only: bool) -> Score:
    wanted = language_of(sample, language)
    block = find_program(sample.response, wanted, unfenced)
    if block is None:
        return no_program()
    report = await ports.sandbox.run_tests(wanted, block.text, {"kind": "compile", "syntaxOnly": syntax_only})
    verdict = Verdict.CORRECT if report.passed else Verdict.INCORRECT
    return Score(float(report.passed), verdict, evidence_of(block, report))
