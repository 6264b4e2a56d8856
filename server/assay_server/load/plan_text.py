"""A plan in words, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from assay.sdk import Json
from assay_server.load.planning import Aims, Fared, Job, Plan


def plan_lines(job: Job, aims: Aims, plan: Plan) -> list[str]:
    """One fact a line, its subject in front."""
    shares = (("symbolic", job.symbolic), ("with a program", job.programs), ("judged", job.judged))
    kinds = ", ".join(f"{100 * share:g} % {name}" for name, share in shares if share) or "all numeric"
    steps = f", {job.steps} steps in an environment each" if job.steps else ""
    worker_share = f": {_share(plan.worker_busy)} busy" if plan.workers else ""
    loops, lane = _share(plan.loop_busy), _share(plan.lane_busy)
    commands = f"{plan.redis_commands:,.0f} commands/s, {plan.redis_bytes / 1e6:.2f} MB/s"
    facts = {
        "job": f"{job.prompts:,} prompts x {job.group_size} rollouts every {job.every:g} s: {kinds}{steps}",
        "servers": f"{_replicas(plan.gateways, aims.gateway_cores, aims)}: event loops {loops} busy, cpu lanes {lane}",
        "workers": _replicas(plan.workers, aims.worker_cores, aims) + worker_share,
        "episodes": _replicas(plan.environments, aims.gateway_cores, aims),
        "Redis": f"{plan.redis}: its thread {_share(plan.redis_busy)} busy, {commands}",
        "memory": f"{plan.memory_bytes / 1e6:,.0f} MB for open groups and episodes",
        "evenly": _fared(plan.evenly),
        "burst": f"{job.rollouts:,} within {job.burst:g} s: {_fared(plan.burst)} (aim: {aims.within:g} s)",
    }
    return [f"{subject:<9}{fact}" for subject, fact in facts.items()]


def _replicas(count: int, cores: int, aims: Aims) -> str:
    return f"{count} with {cores} cores each ({aims.spare} spare)" if count else "none"


def _share(busy: float) -> str:
    return f"{100.0 * busy:.1f} %"


def _fared(fared: Fared) -> str:
    times = (("half", fared.median), ("99 %", fared.p99), ("all", fared.longest))
    return "answered " + ", ".join(f"{name} in {_seconds(seconds)}" for name, seconds in times)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1.0 else f"{1000.0 * seconds:.1f} ms"


def plan_json(job: Job, aims: Aims, plan: Plan) -> Mapping[str, Json]:
    """All of it."""
    return {"job": asdict(job), "aims": asdict(aims), "plan": asdict(plan)}
