"""What spans cost: rollouts a second with tracing off, on at 1 %, and on at 100 %.

Method: three `assay serve` processes with memory stores: tracing off, on with a sample of 1 % of groups, on with all of
them; spans go by OTLP to a collector in a process of its own that throws them away. One client in this process
streams the same rollouts (4 KB, numeric reward, groups of 8, GRPO) to each in turn; the order changes from round to
round. Counted from the first send until every score and group has come back. CPU is the server's, all threads,
per rollout. Figures are medians over the rounds, ratios those of each round to the server without tracing. Spans that
the exporter's queue has no room for are dropped by it, which `told` shows: of each rollout come three, of each group
two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rollout_stream import GROUP_SIZE, Cost, RunningServer, make_rollouts, measure, running_server, stream_all

from assay import Client, RolloutStream, RunConfig

_COLLECTOR = """
import sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as wire, trace_service_pb2_grpc as service

class Collector(service.TraceServiceServicer):
    def Export(self, request, context):
        count = sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
        print(count, flush=True)
        return wire.ExportTraceServiceResponse()

server = grpc.server(ThreadPoolExecutor(2))
service.add_TraceServiceServicer_to_server(Collector(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""
SAMPLES: Mapping[str, float | None] = {"off": None, "1 %": 0.01, "100 %": 1.0}


@dataclass
class Traced:
    """A server, the stream to it, and what it cost."""

    server: RunningServer
    stream: RolloutStream
    costs: list[Cost] = field(default_factory=list[Cost])


@contextmanager
def collector(log: Path) -> Generator[str]:
    """A place for spans, which writes down how many came; its endpoint."""
    with log.open("w") as out, subprocess.Popen([sys.executable, "-c", _COLLECTOR], stdout=out) as process:
        try:
            while not (found := log.read_text().split()):
                pass
            yield f"http://127.0.0.1:{found[0]}"
        finally:
            process.terminate()


def environment(sample: float | None, endpoint: str) -> dict[str, str]:
    """What a server is told of tracing."""
    if sample is None:
        return {"ASSAY_TRACING": "0"}
    return {
        "ASSAY_TRACING": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(sample),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(__doc__)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        log = Path(name) / "spans"
        endpoint = stack.enter_context(collector(log))
        ways: dict[str, Traced] = {}
        for way, sample in SAMPLES.items():
            folder = Path(name) / way.replace(" ", "")
            folder.mkdir()
            os.environ.update(environment(sample, endpoint))
            server = stack.enter_context(running_server(folder, "--store", "memory:"))
            token = (folder / "token").read_text().strip()
            client = stack.enter_context(Client(server.address, token))
            config = RunConfig(run_id="traced", reward="math", estimator="advantage/grpo")
            stream = stack.enter_context(client.stream(run=config, consumer="bench"))
            stream_all(stream, make_rollouts(2_000, "warm"), each_flushed=False)
            ways[way] = Traced(server, stream)
        for number in range(arguments.rounds):
            for way in (list(ways) * 2)[number % 3 :][:3]:
                one, rollouts = ways[way], make_rollouts(arguments.rollouts, f"{number}")
                send = partial(stream_all, one.stream, each_flushed=False)
                one.costs.append(measure(one.server.pid, rollouts, send))
        rollouts = arguments.rollouts * arguments.rounds + 2_000
        for way, one in ways.items():
            print(_line(way, one, ways["off"]))
        told = sum(map(int, log.read_text().split()[1:]))
        made = int(1.01 * (3 * rollouts + 2 * rollouts / GROUP_SIZE))
        print(f"spans made: about {made}; told: {told}")


def _line(way: str, one: Traced, off: Traced) -> str:
    ratios = [cost.rate / other.rate for cost, other in zip(one.costs, off.costs, strict=True)]
    return (
        f"{way:>6}: {statistics.median(cost.rate for cost in one.costs):7.0f} rollouts/s,"
        f" {statistics.median(ratios):.2f} of off (rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)});"
        f" server CPU per rollout {statistics.median(cost.server for cost in one.costs):4.0f} us"
    )


if __name__ == "__main__":
    main()
