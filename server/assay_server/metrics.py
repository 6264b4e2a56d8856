"""What the server counts. One object owns all instruments; nothing is global."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
        self.sandbox_grade = Gauge(
            "assay_sandbox_grade",
            "Isolation of untrusted code: 3 full, 2 the floor, 1 below it, 0 none (or nothing needed a sandbox yet)",
            registry=registry,
        )
        self.loop_lag = Gauge("assay_loop_lag_seconds", "How late the event loop runs its timers", registry=registry)

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
