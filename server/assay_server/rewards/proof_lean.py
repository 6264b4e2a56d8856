"""``proof/lean``: does the response prove the reference's statement in Lean 4?"""

from __future__ import annotations

from typing import Literal

from assay.sdk import Evidence, Json, Lane, Ports, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.code_blocks import Block, find_program
from assay_server.rewards.code_unit_tests import evidence_of

_LANGUAGE = "lean"


@reward(
    "proof/lean-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.SANDBOX,
    aliases=("lean",),
    reference_keys=("statement",),
    source="verify/lean_proof",
)
async def lean(
    sample: Sample,
    ports: Ports,
    *,
    trailing_text: Literal["allowed", "refused"] = "allowed",
    timeout_seconds: float = 300.0,
    memory_gib: float = 10.0,
) -> Score:
    """1 where the last complete fenced block of Lean proves ``reference.statement``, else 0.

    The block is elaborated after ``reference.header``. The theorem of the statement's name must have the statement's
    type, no gap (``sorry``) and no axioms beyond ``propext``, ``Classical.choice`` and ``Quot.sound``; blocks that run
    code or change syntax are refused. No block at all is a failure; with ``trailing_text="refused"`` so is text after
    it.

    Raises:
        Unscorable: no statement (REFERENCE_MISSING), one that is none (BAD_SUITE), no Lean (LANGUAGE_UNAVAILABLE).
    """
    suite = _suite(sample, timeout_seconds, memory_gib)
    block = find_program(sample.response, _LANGUAGE, "none")
    if block is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no complete block of Lean found"))
    if trailing_text == "refused" and _text_after(sample.response, block):
        reason = "there is text after the block"
        return Score(0.0, Verdict.INCORRECT, Evidence("", block.method, block.start, block.end, reason))
    report = await ports.sandbox.run_tests(_LANGUAGE, block.text, suite)
    verdict = Verdict.CORRECT if report.passed else Verdict.INCORRECT
    return Score(float(report.passed), verdict, evidence_of(block, report))


def _suite(sample: Sample, timeout_seconds: float, memory_gib: float) -> dict[str, Json]:
    statement, header = sample.reference.get("statement"), sample.reference.get("header", "")
    if not isinstance(statement, str) or not statement.strip() or not isinstance(header, str):
        message = 'the reference has no statement; send it as {"statement": "theorem NAME ... : ...", "header": ""}'
        raise Unscorable("REFERENCE_MISSING", message, field="reference.statement")
    return {
        "kind": "proof",
        "statement": statement,
        "header": header,
        "wallMs": int(timeout_seconds * 1000),
        "memoryBytes": int(memory_gib * (1 << 30)),
    }


def _text_after(response: str, block: Block) -> bool:
    """Whether anything stands after the line of the closing fence."""
    return bool(response[block.end :].partition("\n")[2].strip())
