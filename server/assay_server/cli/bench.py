"""``assay bench load | plan``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from assay_server.cli.refusals import told_plainly

app = typer.Typer(help="Put load on a service; plan how much of a service a load takes.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


class Kind(str, Enum):
    """What is asked of the service."""

    ROLLOUTS = "rollouts"
    PROGRAMS = "programs"
    SESSIONS = "sessions"


class ArrivalKind(str, Enum):
    """When requests are due."""

    POISSON = "poisson"
    CONSTANT = "constant"


@app.command()
def load(
    kind: Annotated[
        Kind, typer.Argument(help="What each request is: a rollout, a program with its tests, an episode.")
    ],
    rate: Annotated[float, typer.Option(min=0.001, help="Requests a second that are due, answered or not.")] = 100.0,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds of each step.")] = 10.0,
    steps: Annotated[int, typer.Option(min=1, help="Rates to try, each more than the one before.")] = 1,
    factor: Annotated[float, typer.Option(min=1.01, help="How much more.")] = 2.0,
    p99_ms: Annotated[float | None, typer.Option(help="A step with a later 99th percentile is the last.")] = None,
    arrivals: Annotated[ArrivalKind, typer.Option(help="As of many senders, or evenly.")] = ArrivalKind.POISSON,
    addresses: Annotated[
        str | None, typer.Option(metavar="HOST:PORT,...", help="The service; else an embedded one, in this process.")
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="ASSAY_TOKEN", help="Key for --addresses.")] = None,
    reward: Annotated[str, typer.Option(metavar="ID", help="Of rollouts.")] = "math",
    answer: Annotated[str, typer.Option(help="What responses of rollouts say.")] = "42",
    reference: Annotated[str, typer.Option(help="What they are compared with.")] = "42",
    characters: Annotated[int, typer.Option(min=1, help="Of a rollout's response.")] = 4096,
    group_size: Annotated[int, typer.Option(min=1, help="Rollouts, or episodes, of a group.")] = 8,
    streams: Annotated[int, typer.Option(min=1, help="For rollouts.")] = 1,
    environment: Annotated[str, typer.Option(metavar="ENV", help="Of sessions.")] = "household",
    episode_steps: Annotated[int, typer.Option(min=0, help="Of sessions.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the arrivals.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Open-loop load: latencies count from when a request was due. Exits with 1 where requests failed.

    A service that stands still is seen by every request that was due meanwhile. Refusals (quotas, full queues, keys)
    are counted apart from failures.
    """
    from assay_server.cli.bench_load import LoadPlan, put_load
    from assay_server.load.targets import ProgramLoad, RolloutLoad, SessionLoad

    match kind:
        case Kind.ROLLOUTS:
            wanted = RolloutLoad(reward, answer, {"answer": reference}, characters, group_size, streams)
        case Kind.PROGRAMS:
            wanted = ProgramLoad()
        case Kind.SESSIONS:
            wanted = SessionLoad(environment, episode_steps, group_size)
    plan = LoadPlan(rate, duration, steps, factor, None if p99_ms is None else p99_ms / 1000, arrivals.value, seed)
    with told_plainly():
        raise typer.Exit(put_load(wanted, plan, addresses, key, as_json=as_json))


@app.command()
def plan(
    prompts: Annotated[int, typer.Option(min=1, help="Of a step of the trainer.")] = 512,
    group_size: Annotated[int, typer.Option(min=1, help="Rollouts of a prompt.")] = 16,
    every: Annotated[float, typer.Option(min=0.001, help="Seconds from step to step.")] = 30.0,
    burst: Annotated[float, typer.Option(min=0.001, help="Seconds within which a step's rollouts may all come.")] = 3.0,
    symbolic: Annotated[float, typer.Option(min=0, max=1, help="Share that takes computer algebra.")] = 0.1,
    programs: Annotated[float, typer.Option(min=0, max=1, help="Share that is a program with tests.")] = 0.0,
    judged: Annotated[float, typer.Option(min=0, max=1, help="Share that a judge is asked about.")] = 0.0,
    judge_seconds: Annotated[float, typer.Option(min=0, help="That a judge takes.")] = 2.0,
    steps: Annotated[int, typer.Option(min=0, help="Actions of a rollout in an environment of the service.")] = 0,
    within: Annotated[float, typer.Option(min=0.001, help="Seconds by which each rollout shall be answered.")] = 10.0,
    busy: Annotated[float, typer.Option(min=0.01, max=1, help="Share of processors in use on average.")] = 0.5,
    spare: Annotated[int, typer.Option(min=0, help="Replicas of each kind that may be missing.")] = 1,
    cores: Annotated[int, typer.Option(min=2, help="Of a replica.")] = 4,
    costs: Annotated[
        str | None, typer.Option(metavar="FILE", help="What benchmarks/costs.py printed; else this version's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How many servers, workers and Redis a training job takes: a simulation with measured costs."""
    from assay_server.cli.bench_plan import planned_lines
    from assay_server.load.planning import Aims, Job

    job = Job(prompts, group_size, every, burst, symbolic, programs, judged, judge_seconds, steps)
    aims = Aims(within, busy, spare, cores, cores)
    with told_plainly():
        for line in planned_lines(job, aims, costs, as_json=as_json):
            typer.echo(line)
