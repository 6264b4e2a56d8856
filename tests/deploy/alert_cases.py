"""Series that fire each alert, and series just like them that do not: as promtool writes series, a sample a minute."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """Series over time by name; ``quiet`` has the same names."""

    firing: dict[str, str]
    quiet: dict[str, str]


def _handled(code: str, more: str = "") -> str:
    return f'grpc_server_handled_total{{grpc_service="s",grpc_method="m",grpc_code="{code}"{more}}}'


def _answered(outcome: str) -> str:
    return f'assay_rollouts_answered_total{{outcome="{outcome}"}}'


def _histogram(name: str, high: bool) -> dict[str, str]:
    """Everything above, or below, the threshold of 2 seconds (queue) or 1800 (groups)."""
    low, top = ("1.0", "5.0") if name == "assay_queue_seconds" else ("1800.0", "3600.0")
    return {
        f'{name}_bucket{{le="{low}"}}': "0+0x90" if high else "0+60x90",
        f'{name}_bucket{{le="{top}"}}': "0+60x90",
        f'{name}_bucket{{le="+Inf"}}': "0+60x90",
    }


def _gauge(name: str, high: str, low: str) -> Case:
    return Case({name: f"{high}+0x90"}, {name: f"{low}+0x90"})


def _of_calls(code: str) -> Case:
    return Case(
        {_handled(code): "0+10x90", _handled("OK"): "0+50x90"}, {_handled(code): "0+1x90", _handled("OK"): "0+500x90"}
    )


CASES: dict[str, Case] = {
    "AssayDown": _gauge('up{job="assay-headless"}', "0", "1"),
    "AssayFaults": Case({_handled("INTERNAL"): "0+1x90"}, {_handled("INTERNAL"): "5+0x90"}),
    "AssayStoreUnavailable": _of_calls("UNAVAILABLE"),
    "AssayRefusesCalls": _of_calls("RESOURCE_EXHAUSTED"),
    "AssayStrangers": Case({_handled("UNAUTHENTICATED"): "0+120x90"}, {_handled("UNAUTHENTICATED"): "0+6x90"}),
    "AssayLoopLag": _gauge("assay_loop_lag_seconds", "0.5", "0.002"),
    "AssayQueueSlow": Case(_histogram("assay_queue_seconds", True), _histogram("assay_queue_seconds", False)),
    "AssayGroupsSlow": Case(_histogram("assay_group_seconds", True), _histogram("assay_group_seconds", False)),
    "AssayNotScored": Case(
        {_answered("not_scored"): "0+10x90", _answered("correct"): "0+50x90"},
        {_answered("not_scored"): "0+1x90", _answered("correct"): "0+500x90"},
    ),
    "AssayNothingCorrect": Case(
        {_answered("correct"): "7+0x120", _answered("incorrect"): "0+100x120"},
        {_answered("correct"): "7+1x120", _answered("incorrect"): "0+100x120"},
    ),
    "AssayKills": Case(
        {'assay_cpu_kills_total{instance="a",reason="timeout"}': "0+30x90"},
        {'assay_cpu_kills_total{instance="a",reason="retired"}': "0+300x90"},
    ),
    "AssaySandboxWeak": _gauge("assay_sandbox_grade", "1", "2"),
    "AssaySandboxFull": Case(
        {"assay_sandbox_jobs_waiting": "120+0x90", "assay_sandbox_queue_size": "128+0x90"},
        {"assay_sandbox_jobs_waiting": "60+0x90", "assay_sandbox_queue_size": "128+0x90"},
    ),
    "AssaySessionFaults": Case(
        {'assay_session_faults_total{reason="ENVIRONMENT_CRASHED"}': "0+6x90"},
        {'assay_session_faults_total{reason="WRONG_STEP"}': "0+600x90"},
    ),
    "AssayStaleFiles": _gauge("assay_stale_files", "1", "0"),
}
