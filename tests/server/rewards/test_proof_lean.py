"""Which block is the proof, and what the sandbox's report on it is worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from assay.sdk import (
    Json,
    Sample,
    Score,
    SuiteReport,
    SuiteTest,
    Unscorable,
    Verdict,
)
from assay_server.rewards.proof_lean import lean

STATEMENT = "theorem two : 1 + 1 = 2"
GOOD = SuiteReport(True, 1.0, (SuiteTest("words", "PASSED", 0.0), SuiteTest("axioms", "PASSED", 0.1)))
BAD = SuiteReport(False, 0.5, (SuiteTest("words", "PASSED", 0.0), SuiteTest("axioms", "FAILED", 0.1, "sorryAx")))


@dataclass
class Told:
    """Ports with a sandbox that reports this."""

    report: SuiteReport | Unscorable
    asked: list[tuple[str, str, Mapping[str, Json]]] = field(default_factory=list[tuple[str, str, Mapping[str, Json]]])

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        self.asked.append((language, source, suite))
        if isinstance(self.report, Unscorable):
            raise self.report
        return self.report

    @property
    def sandbox(self) -> Told:
        return self


def sample(response: str, **reference: Json) -> Sample:
    return Sample("", response, reference={"statement": STATEMENT, **reference})


async def said(one: Sample, told: Told, **parameters: object) -> Score:
    function = cast("Callable[..., Awaitable[Score]]", lean.function)
    return await function(one, told, **parameters)


def proof(fence: str = "lean4", after: str = "") -> str:
    return f"<think>```lean\nsorry\n```</think>So:\n```{fence}\n{STATEMENT} := rfl\n```{after}"


@pytest.mark.parametrize(("report", "value"), [(GOOD, 1.0), (BAD, 0.0)])
@pytest.mark.parametrize("fence", ["lean", "lean4", "Lean", ""])
async def test_the_last_block_is_judged_with_the_references_statement(
    report: SuiteReport, value: float, fence: str
) -> None:
    ports = Told(report)
    score = await said(sample(proof(fence), header="import Mathlib"), ports, timeout_seconds=2)
    assert (score.value, score.verdict) == (value, Verdict.CORRECT if value else Verdict.INCORRECT)
    ((language, source, suite),) = ports.asked
    assert (language, source.strip()) == ("lean", f"{STATEMENT} := rfl")
    assert suite == {
        "kind": "proof", "statement": STATEMENT, "header": "import Mathlib", "wallMs": 2000, "memoryBytes": 10 << 30,
    }  # fmt: skip


async def test_text_after_the_block_is_a_failure_where_it_is_refused() -> None:
    for after, value in (("", 1.0), ("\n \n", 1.0), ("\nDone.", 0.0)):
        assert (await said(sample(proof(after=after)), Told(GOOD), trailing_text="refused")).value == value
        assert (await said(sample(proof(after=after)), Told(GOOD))).value == 1.0


async def test_no_block_is_the_responses_failure() -> None:
    for response in (f"{STATEMENT} := rfl", "```lean\nnever closed", "<think>```lean\nx\n```</think>", ""):
        ports = Told(GOOD)
        assert (await said(sample(response), ports)).value == 0.0
        assert ports.asked == []


async def test_what_cannot_be_judged_is_no_score() -> None:
    with pytest.raises(Unscorable) as caught:
        await said(sample(proof()), Told(Unscorable("LANGUAGE_UNAVAILABLE", "lean is not available here")))
    assert caught.value.reason == "LANGUAGE_UNAVAILABLE"
    for reference in ({}, {"statement": " "}, {"statement": 3}):
        with pytest.raises(Unscorable) as caught:
            await said(Sample("", proof(), reference=reference), Told(GOOD))
        assert caught.value.reason == "REFERENCE_MISSING"
