"""Traces as the operator asked for them: OpenTelemetry's own variables say where to, how many, under which name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

    from .recording import Tracing


def open_tracing(wanted: bool, service: str) -> Tracing | None:
    """Spans sent by OTLP over gRPC; None where they are not wanted.

    Args:
        service: the name under which they are found where ``OTEL_SERVICE_NAME`` says none.

    Raises:
        ValueError: the extra is missing, or the variables ask for another protocol than gRPC.
    """
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if os.environ.get(name, "grpc") not in ("", "grpc"):
            raise ValueError(f"{name}={os.environ[name]}: traces are sent by grpc only")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise ValueError(f"traces need {error.name}; install assay-server[otel]") from error
    return tracing_to(BatchSpanProcessor(OTLPSpanExporter()), service)


def tracing_to(processor: SpanProcessor, service: str) -> Tracing:
    """Spans that go through this processor; ``OTEL_TRACES_SAMPLER`` says which there are."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider

    from assay_server.version import VERSION

    from .recording import ChosenIds, Tracing

    named = {SERVICE_VERSION: VERSION}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        named[SERVICE_NAME] = service
    ids = ChosenIds()
    provider = TracerProvider(id_generator=ids, resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return Tracing(provider, ids)
