"""Plans hold their aims, grow with the job and name what stands in the way; the queue is the textbook's."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.load.plan_text import plan_json, plan_lines
from assay_server.load.planning import MEASURED, Aims, Job, TooMuch, plan
from assay_server.load.queueing import completions
from tests.server.cli.command import assay

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "capacity.md"
SMALL = Job(prompts=32, group_size=8)


def test_a_queue_of_one_server_is_a_line() -> None:
    assert completions([0.0, 0.0, 5.0], [1.0, 2.0, 1.0], 1) == [1.0, 3.0, 6.0]
    assert completions([0.0, 0.0, 0.5], [1.0, 2.0, 1.0], 2) == [1.0, 2.0, 2.0]
    assert completions([], [], 3) == []
    for arrivals, work, servers in (([0.0], [1.0], 0), ([0.0], [], 1)):
        with pytest.raises(ValueError, match="server"):
            completions(arrivals, work, servers)


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), min_size=1, max_size=60), st.integers(1, 8))
def test_more_servers_are_never_worse(items: list[tuple[float, float]], servers: int) -> None:
    arrivals, work = sorted(at for at, _ in items), [seconds for _, seconds in items]
    few, more = completions(arrivals, work, servers), completions(arrivals, work, servers + 1)
    assert all(with_more <= with_few + 1e-9 for with_more, with_few in zip(more, few, strict=True))
    assert all(end >= at + seconds for at, seconds, end in zip(arrivals, work, few, strict=True))


def test_waiting_is_as_theory_says() -> None:
    # One server, Poisson arrivals, exponential work, four fifths busy: an item stays five times its work on average.
    rng, at = Random(3), 0.0
    arrivals: list[float] = []
    for _ in range(60_000):
        at += rng.expovariate(0.8)
        arrivals.append(at)
    ends = completions(arrivals, [rng.expovariate(1.0) for _ in arrivals], 1)
    mean = sum(end - start for start, end in zip(arrivals, ends, strict=True)) / len(arrivals)
    assert mean == pytest.approx(5.0, rel=0.12)


@pytest.mark.parametrize(
    "job",
    [
        Job(),
        Job(symbolic=0.0, programs=1.0),
        Job(symbolic=0.0, programs=0.5, burst=1.0),
        Job(symbolic=0.2, judged=0.3),
        Job(prompts=2048, symbolic=0.0),
        SMALL,
    ],
)
def test_a_plan_holds_its_aims(job: Job) -> None:
    aims = Aims()
    found = plan(job, aims=aims)
    assert found.burst.longest <= aims.within
    assert max(found.loop_busy, found.lane_busy, found.worker_busy, found.redis_busy) <= aims.busy + 1e-9
    assert found.evenly.longest <= found.burst.longest + 1e-9 or found.burst.longest < 0.5
    assert (found.workers > 0) is (job.programs > 0)
    assert found.gateways >= 1 + aims.spare


def test_fewer_would_not_do() -> None:
    job = Job(symbolic=0.0, programs=1.0)
    found = plan(job)
    bare = replace(Aims(), spare=0)
    assert plan(job, aims=bare).workers == found.workers - 1
    # With the time in which a burst is done cut to a tenth of it, more workers are needed.
    assert plan(job, aims=replace(bare, within=found.burst.longest / 2)).workers > found.workers - 1


@pytest.mark.parametrize("field", ["prompts", "group_size", "programs", "steps"])
def test_more_takes_more(field: str) -> None:
    job = replace(Job(programs=0.2, steps=10), every=10.0)
    more = replace(job, **{field: asdict(job)[field] * 4})
    first, second = plan(job), plan(more)
    assert (second.workers, second.environments) >= (first.workers, first.environments)
    assert second != first


def test_what_no_number_of_replicas_holds_is_said() -> None:
    with pytest.raises(TooMuch, match="Redis"):
        plan(Job(every=0.01), replace(MEASURED, redis_cpu=1e-3))
    with pytest.raises(TooMuch, match="judge"):
        plan(Job(symbolic=0.0, judged=1.0, judge_seconds=20.0))
    with pytest.raises(TooMuch, match="single items"):
        plan(Job(programs=0.5), replace(MEASURED, program_cpu=5.0))


def test_the_command_reads_costs_that_were_measured_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    words = {re.sub(r"_(\w)", lambda found: found[1].upper(), name): value for name, value in asdict(MEASURED).items()}
    file.write_text(json.dumps(words))
    [said] = assay("bench", "plan", "--json", "--costs", str(file)).lines
    assert said == json.loads(json.dumps(plan_json(Job(), Aims(), plan(Job()))))
    for wrong in ("{}", "[", json.dumps(words | {"redisCpu": "1"}), json.dumps(words | {"stepCpu": -1})):
        file.write_text(wrong)
        done = assay("bench", "plan", "--json", "--costs", str(file))
        assert (done.code, done.lines) == (2, [])
        assert "--costs" in done.stderr
    assert assay("bench", "plan", "--symbolic", "0.6", "--programs", "0.6", "--json").code == 2


def test_the_page_shows_what_the_command_prints() -> None:
    shown = re.findall(r"^\$ (assay bench plan.*)\n((?:.+\n)+?)(?=```|\n)", PAGE.read_text(), re.MULTILINE)
    assert len(shown) >= 4
    for command, output in shown:
        words = shlex.split(command)[3:]
        assert printed(words) == output.splitlines(), command


def printed(words: list[str]) -> list[str]:
    [said] = assay("bench", "plan", "--json", *words).lines
    made = json.loads(json.dumps(said))
    job, aims = Job(**made["job"]), Aims(**made["aims"])
    return plan_lines(job, aims, plan(job, aims=aims))


def test_the_page_has_the_costs_that_the_command_counts_with() -> None:
    page = PAGE.read_text()
    for name, value in asdict(MEASURED).items():
        [cell] = re.findall(rf"^\| `{name}` \| ([^|]+) \|", page, re.MULTILINE)
        number, unit = cell.split()
        factor = {"us": 1e-6, "ms": 1e-3, "kB": 1e3, "B": 1.0, "commands": 1.0}[unit]
        assert float(number.replace(",", "")) * factor == pytest.approx(value), name
