"""A hundred hostile answers through the real lane: each ends by itself or by its clock, the others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from assay.sdk import Sample, Unscorable, Verdict
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup

from .cpu_lane import FAR_TIMEOUT, at_full_strength, processes_of, until
from .symbolic.test_hostile import HOSTILE

MATH = "verify/math-v1"
DEFAULTS: dict[str, object] = {"last_characters": None, "boxes": "last", "strictness": "default"}
EXECUTION_TIMEOUT = 0.5
SLACK = 10.0
"""Only a clock that does not work at all takes so much longer; a busy machine does not."""

MEMORY_BYTES = 512 << 20
REFUSALS = {"UNDECIDED", "DEADLINE_EXCEEDED", "MEMORY_LIMIT", "PREDICTION_UNPARSEABLE"}
ORDINARY = [
    ("\\sin 2x", "2\\sin x\\cos x", Verdict.CORRECT),
    ("\\sum_{k=1}^{n} k", "\\frac{n(n+1)}{2}", Verdict.CORRECT),
    ("\\cos^2 t", "1-\\sin^2 t", Verdict.CORRECT),
    ("\\sin 2x", "2\\sin x", Verdict.INCORRECT),
    ("\\int_0^1 x\\,dx", "\\frac13", Verdict.INCORRECT),
]


@pytest.fixture
async def lane() -> AsyncGenerator[CpuPool]:
    pool = CpuPool(4, TemplateSetup((), ("assay_server.execution.symbolic",), MEMORY_BYTES), FAR_TIMEOUT)
    pool.launch()
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()
        await until(lambda: processes_of(pool) == [])


async def judged(lane: CpuPool, prediction: str, reference: str, timeout: float | None) -> tuple[str | Verdict, float]:
    """The verdict, or the reason why there is none, and the seconds of its execution by the lane's clock."""
    sample = Sample("r", f"\\boxed{{{prediction}}}", {"answer": reference})
    try:
        ran = await lane.run(MATH, "math", DEFAULTS, sample, timeout)
    except Unscorable as error:
        return error.reason, 0.0
    return ran.score.verdict, ran.run_seconds


async def test_hostile_answers_end_and_ordinary_ones_do_not_notice(lane: CpuPool) -> None:
    ordinary = [
        asyncio.create_task(judged(lane, prediction, reference, None))
        for _ in range(6)
        for prediction, reference, _ in ORDINARY
    ]
    hostile = [asyncio.create_task(judged(lane, text, "\\sqrt{3}", EXECUTION_TIMEOUT)) for text in HOSTILE]
    for text, (said, seconds) in zip(HOSTILE, await asyncio.gather(*hostile), strict=True):
        assert said is Verdict.INCORRECT or said in REFUSALS, (text[:60], said)
        assert seconds <= EXECUTION_TIMEOUT + SLACK, text[:60]
    expected = [verdict for _ in range(6) for _, _, verdict in ORDINARY]
    assert [said for said, _ in await asyncio.gather(*ordinary)] == expected
    assert await judged(lane, "\\sin 2x", "2\\sin x\\cos x", None) == (Verdict.CORRECT, pytest.approx(0, abs=SLACK))
    await until(lambda: at_full_strength(lane))


async def test_what_never_ends_is_ended_by_its_clock(lane: CpuPool) -> None:
    for text in ("\\int_0^{10^9} \\sin(x^x) dx", "\\sum_{k=1}^{\\infty} k^k"):
        said, _ = await judged(lane, text, "\\sqrt{3}", EXECUTION_TIMEOUT)
        assert said in ("DEADLINE_EXCEEDED", "UNDECIDED")
