"""How much of a service a job takes: costs of single items and a workload in, replicas out. Pure.

What each item costs is measured (``benchmarks/costs.py``), and how many there are is the job's; between the two stands
a simulation of the queues, since a trainer sends a batch within seconds and then nothing for a while.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from assay_server.load.queueing import completions


@dataclass(frozen=True, slots=True)
class Costs:
    """What one of each takes: seconds of a processor, bytes.

    Attributes:
        numeric_cpu: a rollout of which the event loop itself can tell whether it is right: parsing, storing, grouping,
            answering included. The event loop is one thread.
        symbolic_cpu: a rollout that a worker of the cpu lane judges, besides.
        program_cpu: a program with its tests, in the sandbox.
        judge_cpu: a question to a judge, on the server's side.
        step_cpu: an action of an episode.
        redis_cpu: of Redis, for a rollout; Redis is one thread, too.
        redis_commands: for a rollout; ``redis_bytes``: that it is sent.
        group_bytes: a group that waits for members; ``session_bytes``: a live episode.
    """

    numeric_cpu: float
    symbolic_cpu: float
    program_cpu: float
    judge_cpu: float
    step_cpu: float
    redis_cpu: float
    redis_commands: float
    redis_bytes: float
    group_bytes: float
    session_bytes: float


MEASURED = Costs(
    numeric_cpu=371e-6,
    symbolic_cpu=173e-3,
    program_cpu=11.2e-3,
    judge_cpu=2.27e-3,
    step_cpu=1.05e-3,
    redis_cpu=4.4e-6,
    redis_commands=0.102,
    redis_bytes=153.0,
    group_bytes=490e3,
    session_bytes=54.6e3,
)
"""As docs/capacity.md tells; of one machine, so measure yours."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a trainer does, again and again.

    Attributes:
        prompts: a step; ``group_size``: rollouts of each.
        every: seconds from step to step.
        burst: seconds within which the rollouts of a step come, at worst.
        symbolic, programs, judged: shares of the rollouts that a worker, a sandbox, a judge is needed for.
        judge_seconds: that a judge takes to answer.
        steps: actions of each rollout in an environment of the service; 0 = there is none.
    """

    prompts: int = 512
    group_size: int = 16
    every: float = 30.0
    burst: float = 3.0
    symbolic: float = 0.1
    programs: float = 0.0
    judged: float = 0.0
    judge_seconds: float = 2.0
    steps: int = 0

    @property
    def rollouts(self) -> int:
        """Of a step."""
        return self.prompts * self.group_size


@dataclass(frozen=True, slots=True)
class Aims:
    """What the service shall hold.

    Attributes:
        within: seconds after a rollout came, burst or not, by which it is answered (all of them).
        busy: share of the processors that may be in use on average; the rest is for what nobody foresaw.
        spare: servers, and workers, that may be missing.
        gateway_cores: processors of a server; one of them is its event loop's, the others the cpu lane's.
        worker_cores: processors of a worker: programs at a time.
        judge_slots: questions that a server asks at a time.
    """

    within: float = 10.0
    busy: float = 0.5
    spare: int = 1
    gateway_cores: int = 4
    worker_cores: int = 4
    judge_slots: int = 64


@dataclass(frozen=True, slots=True)
class Fared:
    """What a simulation of one step showed, in seconds from when each rollout came to its answer."""

    median: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How much it takes.

    Attributes:
        gateways, workers: replicas, spare ones included; 0 workers where no program is run.
        environments: replicas for episodes.
        evenly, burst: how rollouts fare that come evenly over the step, and all within the burst, on the replicas
            without the spare ones.
        loop_busy, lane_busy, worker_busy, redis_busy: shares of the time, without the spare ones.
        redis_commands: a second; ``redis_bytes``: a second.
        memory_bytes: of open groups, and of episodes, over all servers.
    """

    gateways: int
    workers: int
    environments: int
    redis: int
    evenly: Fared
    burst: Fared
    loop_busy: float
    lane_busy: float
    worker_busy: float
    redis_busy: float
    redis_commands: float
    redis_bytes: float
    memory_bytes: float


class TooMuch(ValueError):
    """No number of replicas holds the aims: the message says what stands in the way."""


_MOST = 4096
_SLOWEST = 10.0
_SLOWEST_JUDGE = 3.0
_SEED = 1


def plan(job: Job, costs: Costs = MEASURED, aims: Aims = Aims()) -> Plan:
    """The fewest replicas that hold the aims. Raises TooMuch."""
    _possible(job, costs, aims)
    gateways = _fewest(
        _for_share(max(_loop_load(job, costs), _lane_load(job, costs) / max(1, aims.gateway_cores - 1)), aims),
        lambda count: _simulated(job, costs, aims, count, _MOST, job.burst).longest <= aims.within,
        "servers",
    )
    workers = 0
    if job.programs:
        workers = _fewest(
            _for_share(_program_load(job, costs) / aims.worker_cores, aims),
            lambda count: _simulated(job, costs, aims, gateways, count, job.burst).longest <= aims.within,
            "workers",
        )
    environments = 0
    if job.steps:
        environments = _for_share(job.rollouts * job.steps / job.every * costs.step_cpu / aims.gateway_cores, aims)
    per_second = job.rollouts / job.every
    return Plan(
        gateways + aims.spare,
        workers + aims.spare if workers else 0,
        environments + aims.spare if environments else 0,
        1,
        _simulated(job, costs, aims, gateways, max(1, workers), job.every),
        _simulated(job, costs, aims, gateways, max(1, workers), job.burst),
        _loop_load(job, costs) / gateways,
        _lane_load(job, costs) / (gateways * max(1, aims.gateway_cores - 1)),
        _program_load(job, costs) / (workers * aims.worker_cores) if workers else 0.0,
        per_second * costs.redis_cpu,
        per_second * costs.redis_commands,
        per_second * costs.redis_bytes,
        job.prompts * costs.group_bytes + (job.rollouts * costs.session_bytes if job.steps else 0.0),
    )


def _possible(job: Job, costs: Costs, aims: Aims) -> None:
    if job.rollouts / job.every * costs.redis_cpu > aims.busy:
        raise TooMuch("one Redis is one thread, and this is more than its share; give jobs a fleet each")
    if job.judged and _SLOWEST_JUDGE * job.judge_seconds >= aims.within:
        raise TooMuch("a judge alone takes longer than answers may; aim for more seconds")
    floor = max(costs.program_cpu if job.programs else 0.0, costs.symbolic_cpu if job.symbolic else 0.0)
    if _SLOWEST * floor >= aims.within:
        raise TooMuch("single items take longer than answers may; aim for more seconds")


def _loop_load(job: Job, costs: Costs) -> float:
    """Event loops that are busy on average."""
    return job.rollouts / job.every * (costs.numeric_cpu + job.judged * costs.judge_cpu)


def _lane_load(job: Job, costs: Costs) -> float:
    return job.rollouts / job.every * job.symbolic * costs.symbolic_cpu


def _program_load(job: Job, costs: Costs) -> float:
    return job.rollouts / job.every * job.programs * costs.program_cpu


def _for_share(load: float, aims: Aims) -> int:
    return max(1, math.ceil(load / aims.busy - 1e-9))


def _fewest(first: int, holds: Callable[[int], bool], what: str) -> int:
    """The least number from ``first`` on that holds; it is assumed that more are never worse."""
    low, high = first, first
    while not holds(high):
        if high >= _MOST:
            raise TooMuch(f"{_MOST} {what} are not enough")
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _simulated(job: Job, costs: Costs, aims: Aims, gateways: int, workers: int, over: float) -> Fared:
    """One step whose rollouts come evenly over so many seconds, on idle replicas.

    Each goes through an event loop and then, if it is one of those, through the cpu lane, a worker or a judge. What
    takes long varies as much as it takes: exponentially, up to ten times the mean, of a judge up to three times.
    """
    rng = Random(_SEED)  # noqa: S311 - draws, keeps no secret
    count = job.rollouts
    arrivals = [over * number / count for number in range(count)]
    loop = [costs.numeric_cpu] * count
    kinds = [_kind(job, rng.random()) for _ in range(count)]
    for position, kind in enumerate(kinds):
        loop[position] += costs.judge_cpu if kind == "judge" else 0.0
    done = completions(arrivals, loop, gateways)
    lanes = {
        "cpu": (costs.symbolic_cpu, gateways * max(1, aims.gateway_cores - 1)),
        "program": (costs.program_cpu, workers * aims.worker_cores),
        "judge": (job.judge_seconds, gateways * aims.judge_slots),
    }
    for kind, (seconds, servers) in lanes.items():
        chosen = sorted((done[position], position) for position in range(count) if kinds[position] == kind)
        slowest = _SLOWEST_JUDGE if kind == "judge" else _SLOWEST
        work = [min(rng.expovariate(1.0), slowest) * seconds for _ in chosen]
        for (_, position), end in zip(chosen, completions([at for at, _ in chosen], work, servers), strict=True):
            done[position] = end
    return _fared([end - at for at, end in zip(arrivals, done, strict=True)])


def _kind(job: Job, draw: float) -> str:
    for kind, share in (("cpu", job.symbolic), ("program", job.programs), ("judge", job.judged)):
        if draw < share:
            return kind
        draw -= share
    return "inline"


def _fared(waits: Sequence[float]) -> Fared:
    ordered = sorted(waits)
    return Fared(ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1])
