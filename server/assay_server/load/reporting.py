"""What a load showed, as a table and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.sdk import Json
from assay_server.load.driving import Tally
from assay_server.load.histogram import LatencyHistogram
from assay_server.load.stepping import Step

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_HEAD = ("rate/s", "due", "answered", "refused", "failed", "achieved/s", "p50", "p90", "p99", "p99.9", "max", "late")


def step_json(step: Step) -> Mapping[str, Json]:
    """All of one step."""
    tally = step.tally
    return {
        "rate": step.rate,
        "seconds": step.duration,
        "due": tally.due,
        "answered": tally.answered,
        "refused": dict(tally.refused),
        "failed": dict(tally.failed),
        "achievedRate": round(step.achieved, 3),
        "latencyMs": _milliseconds(tally.latencies),
        "refusalMs": _milliseconds(tally.refusals),
        "sendingLateMs": _milliseconds(tally.sending),
        "saturated": step.saturated,
    }


def _milliseconds(histogram: LatencyHistogram) -> dict[str, Json]:
    found: dict[str, Json] = {f"p{percent:g}": _ms(histogram.percentile(percent)) for percent in PERCENTILES}
    return {**found, "max": _ms(histogram.longest), "mean": _ms(histogram.mean)}


def _ms(seconds: float) -> float:
    return round(1000.0 * seconds, 3)


def table(steps: Sequence[Step]) -> list[str]:
    """The steps as lines; latencies in milliseconds, ``late``: how late the sender itself was, at most."""
    rows = [_HEAD, *(_row(step) for step in steps)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _row(step: Step) -> tuple[str, ...]:
    tally = step.tally
    times = [tally.latencies.percentile(percent) for percent in (50.0, 90.0, 99.0, 99.9)]
    spans = [f"{1000.0 * seconds:.1f}" for seconds in (*times, tally.latencies.longest, tally.sending.longest)]
    counts = (tally.due, tally.answered, tally.refused.total(), tally.failed.total())
    return (f"{step.rate:.4g}", *(f"{count}" for count in counts), f"{step.achieved:.1f}", *spans)


def notes(steps: Sequence[Step]) -> list[str]:
    """What a reader must know besides: why requests were refused or failed, where it ended."""
    told = [f"{word} {status}: {count}" for step in steps for word, status, count in _statuses(step.tally)]
    told += [_refusals(step) for step in steps if step.tally.refusals.count]
    last = steps[-1]
    if last.saturated:
        before = f"; {steps[-2].rate:.4g}/s was kept up with" if len(steps) > 1 else ""
        told.append(f"saturated at {last.rate:.4g}/s{before}")
    return told


def _refusals(step: Step) -> str:
    half, nearly_all = (1000.0 * step.tally.refusals.percentile(percent) for percent in (50.0, 99.0))
    longest = 1000.0 * step.tally.refusals.longest
    return f"refusals at {step.rate:.4g}/s: p50 {half:.1f}, p99 {nearly_all:.1f}, max {longest:.1f} ms"


def _statuses(tally: Tally) -> list[tuple[str, str, int]]:
    return [
        *(("refused", status, count) for status, count in sorted(tally.refused.items())),
        *(("failed", status, count) for status, count in sorted(tally.failed.items())),
    ]
