"""What the server counts. One object owns all instruments; nothing is global."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_GROUP_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a part of the server counts anyway, read when somebody looks: names of metrics and their values.

    Attributes:
        counters: only ever grow.
        by_reason: counters with a label ``reason``.
        gauges: as they stand.
    """

    counters: Mapping[str, float]
    by_reason: Mapping[str, Mapping[str, float]]
    gauges: Mapping[str, float]


FIGURES: Mapping[str, str] = {
    "assay_cpu_items": "Items that a worker of the cpu lane answered",
    "assay_cpu_moved": "Items that used up their slice and went to the slow lane",
    "assay_cpu_template_restarts": "Times that the process which forks workers was started again",
    "assay_cpu_kills": "Workers of the cpu lane that were ended, by why",
    "assay_cpu_latest_kill_seconds": "Most seconds that an item ran beyond its timeout",
    "assay_sandbox_jobs_running": "Programs that hold a slot",
    "assay_sandbox_jobs_waiting": "Programs in the queue",
    "assay_sandbox_queue_size": "Programs that may wait, at the pace of the last ones",
    "assay_sessions": "Live episodes",
    "assay_sessions_created": "Episodes that were made",
    "assay_sessions_rebuilt": "Episodes that were made again from the journal",
    "assay_sessions_reaped": "Episodes that nobody used any more",
    "assay_sessions_taken_over": "Episodes that another server of the fleet held before",
    "assay_session_steps": "Actions that were answered",
    "assay_session_forwarded": "Actions that another server of the fleet answered for this one",
    "assay_session_faults": "Actions and episodes that failed, by reason",
    "assay_stale_files": "Files of keys or certificates that have changed and cannot be used",
}
"""What there is of figures, with what it means."""


class _Reader(Collector):
    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterable[Metric]:
        """All figures as they stand."""
        figures = self._read()
        for name, value in figures.counters.items():
            yield CounterMetricFamily(name, FIGURES[name], value)
        for name, values in figures.by_reason.items():
            family = CounterMetricFamily(name, FIGURES[name], labels=["reason"])
            for reason, value in values.items():
                family.add_metric([reason], value)
            yield family
        for name, value in figures.gauges.items():
            yield GaugeMetricFamily(name, FIGURES[name], value)


class RpcFigures:
    """What is counted of the calls of one method; its series are looked up once."""

    def __init__(self, metrics: Metrics, method: str) -> None:
        self.service, self.name = service, name = method.strip("/").split("/")
        self._started = metrics.rpcs_started.labels(service, name)
        self._seconds = metrics.rpc_seconds.labels(service, name)
        self._ended = lru_cache(partial(metrics.rpcs_handled.labels, service, name))

    def started(self) -> None:
        """A call has begun."""
        self._started.inc()

    def ended(self, code: str, seconds: float) -> None:
        """A call has ended."""
        self._ended(code).inc()
        self._seconds.observe(seconds)


class Metrics:
    """The process's instruments, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.rpcs_started = Counter(
            "grpc_server_started", "RPCs started", ["grpc_service", "grpc_method"], registry=registry
        )
        self.rpcs_handled = Counter(
            "grpc_server_handled", "RPCs ended", ["grpc_service", "grpc_method", "grpc_code"], registry=registry
        )
        self.rpc_seconds = Histogram(
            "grpc_server_handling_seconds",
            "Duration of unary RPCs",
            ["grpc_service", "grpc_method"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.streams = Gauge("assay_streams", "Open rollout streams", registry=registry)
        self.accepted = Counter("assay_rollouts_accepted", "Rollouts taken over", registry=registry)
        self.refused = Counter("assay_rollouts_refused", "Rollouts refused", ["reason"], registry=registry)
        self.answered = Counter("assay_rollouts_answered", "Rollouts answered", ["outcome"], registry=registry)
        self.groups = Counter("assay_groups_finished", "Groups finished", ["outcome", "kept"], registry=registry)
        self.batches = Counter("assay_batches_finished", "Barriers finished", registry=registry)
        self.in_flight = Gauge("assay_rollouts_in_flight", "Rollouts queued or scoring", registry=registry)
        self.queue_seconds = Histogram(
            "assay_queue_seconds",
            "From receipt of a rollout to the start of its verification, once a batch (its oldest rollout)",
            buckets=_SECONDS,
            registry=registry,
        )
        self.run_seconds = Histogram(
            "assay_score_seconds", "Verification, mean over a batch", buckets=_SECONDS, registry=registry
        )
        self.group_seconds = Histogram(
            "assay_group_seconds",
            "From a group's first member to its result",
            buckets=_GROUP_SECONDS,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        self.sandbox_grade = Gauge(
            "assay_sandbox_grade",
            "Isolation of untrusted code: 3 full, 2 the floor, 1 below it, 0 none (or nothing needed a sandbox yet)",
            registry=registry,
        )
        self.loop_lag = Gauge("assay_loop_lag_seconds", "How late the event loop runs its timers", registry=registry)

        self._rpcs: dict[str, RpcFigures] = {}

    def rpc(self, method: str) -> RpcFigures:
        """The figures of one method, by its path."""
        figures = self._rpcs.get(method)
        if figures is None:
            figures = self._rpcs[method] = RpcFigures(self, method)
        return figures

    def read(self, figures: Callable[[], Figures]) -> None:
        """Show these figures as well; they are read whenever somebody looks, and cost nothing in between."""
        self.registry.register(_Reader(figures))

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
