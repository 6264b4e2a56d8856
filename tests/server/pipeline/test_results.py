"""Answers as messages."""

from __future__ import annotations

import pytest

from assay.sdk import Evidence, Verdict
from assay_server.pipeline.results import scored_result
from assay_server.rewards.assessment import Assessment


@pytest.mark.parametrize("seconds", [0.0, 0.25, 0.999999999, 1.0, 2.5, 61.125])
def test_times_are_told_in_whole(seconds: float) -> None:
    assessment = Assessment(
        0.5, Verdict.CORRECT, {"math": 0.5}, {"math": Evidence(reason="so")}, {"kept": True}, "18", ("math@1",), ()
    )
    timing = scored_result("r", "g", assessment, seconds, 2 * seconds).score.timing
    queue, run = timing.queue_time, timing.run_time
    assert queue.seconds + queue.nanos / 1e9 == pytest.approx(seconds, abs=2e-9)
    assert run.seconds + run.nanos / 1e9 == pytest.approx(2 * seconds, abs=2e-9)
    assert max(queue.nanos, run.nanos) < 1_000_000_000
