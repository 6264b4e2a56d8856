"""The report of the runs: what was planned, what came, under which conditions. A function of the plan and raw.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.drawing.svg import Line, curves

from .curves import Conditions, Raw, Run
from .plan import Episodes, Plan, Toy
from .statistics import Interval, difference, interval_of, tail

HEAD = """\
# Does it help? A reproduction

Step groups are said to help on long tasks with one reward at the end. Here a small policy learns some, through the
service, with GRPO, RLOO and GiGPO, all else equal; anchor recipes are compared the same way, and on toy tasks
dynamic sampling, difficulty filtering and OTC. The plan ([plan.toml](../benchmarks/reproduction/plan.toml)) was
committed before the first run ({planned}); no run was left out or repeated. `make reproduction` does all of it
again and writes this page to `out/reproduction`.

## Method

* **Policy.** A softmax over the admissible actions, linear in hashed pairs of a word (of the task, of what is seen
  and carried, of the last three actions) and an action; Adam at {rate:g} on the clipped objective, {passes} passes,
  entropy bonus {entropy:g}. The same for all methods; it starts from nothing. It is no language model, and what
  holds for it need not hold for one.
* **Loop.** That of the [reference trainer](../client/examples/reference_trainer.py): `make_vec` plays groups of
  episodes, each is streamed as it ends; rewards, step groups and advantages come back while others play. NumPy
  instead of PyTorch.
* **Budget.** Fixed numbers of episodes (toys: of rollouts), the same for every method of a table; {seeds} seeds
  each, equal seeds meet the same starts.
* **Metric.** The mean over the last {last:.0%} of the iterations (*end*) and over all (*whole curve*); the mean
  over seeds with a 95 % Student-t interval. For each comparison that the plan names: the mean difference between
  runs of the same seed, with its interval; where that holds 0, nothing is decided. The intervals are not corrected
  for there being {comparisons} comparisons.
"""


def write_report(plan: Plan, raw: Raw, out: Path) -> None:
    """report.md, a picture for each experiment, curves.html and raw.json."""
    out.mkdir(parents=True, exist_ok=True)
    runs, conditions = raw.runs, raw.conditions
    pictures = {one.name: picture(one, runs) for one in (*plan.episodes, *plan.toys) if of(runs, one.name)}
    for name, drawn in pictures.items():
        (out / f"{name}.svg").write_text(drawn, encoding="utf-8")
    (out / "raw.json").write_bytes(TypeAdapter(Raw).dump_json(raw) + b"\n")
    (out / "report.md").write_text(report(plan, runs, conditions), encoding="utf-8")
    titles = {one.name: one.title for one in (*plan.episodes, *plan.toys)}
    body = "".join(f"<h2>{titles[name]}</h2>{drawn}" for name, drawn in pictures.items())
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Reproduction</title><h1>Curves</h1>{body}</html>\n"
    (out / "curves.html").write_text(page, encoding="utf-8")


def of(runs: Sequence[Run], experiment: str) -> list[Run]:
    """Those of one experiment."""
    return [run for run in runs if run.experiment == experiment]


def report(plan: Plan, runs: Sequence[Run], conditions: Conditions) -> str:
    """The page."""
    parts = [
        HEAD.format(
            planned=conditions.plan or "no history here",
            rate=plan.learning.rate,
            passes=plan.learning.passes,
            entropy=plan.learning.entropy,
            seeds=len(plan.seeds),
            last=plan.last,
            comparisons=len(plan.comparisons),
        ),
        "## What came of it\n\n" + table(["comparison", "measure", "end", "whole curve"], comparison_rows(plan, runs)),
    ]
    parts += [section(plan, one, of(runs, one.name)) for one in (*plan.episodes, *plan.toys) if of(runs, one.name)]
    parts += [waiting(plan, runs)] if any(of(runs, one.name) for one in plan.episodes) else []
    parts.append(conditions_section(conditions))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def comparison_rows(plan: Plan, runs: Sequence[Run]) -> list[list[str]]:
    """A line for each measure of each comparison of the plan."""
    rows: list[list[str]] = []
    for experiment, first, second in plan.comparisons:
        found = of(runs, experiment)
        for measure in measures(found):
            a, b = (by_seed(found, method, measure) for method in (first, second))
            if a and b:
                cells = [judged(difference(last_of(plan, a), last_of(plan, b))), judged(difference(whole(a), whole(b)))]
                rows.append([f"{experiment}: {first} - {second}", measure, *cells])
    return rows


def judged(found: Interval) -> str:
    """A difference, and what it decides."""
    verdict = "undecided" if found.low <= 0.0 <= found.high else "more" if found.mean > 0 else "less"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {verdict}"


def section(plan: Plan, experiment: Episodes | Toy, runs: Sequence[Run]) -> str:
    """One experiment: its table and its picture."""
    rows: list[list[str]] = []
    for method in dict.fromkeys(run.method for run in runs):
        for measure in measures(runs):
            found = by_seed(runs, method, measure)
            rows.append([method, measure, told(interval_of(last_of(plan, found))), told(interval_of(whole(found)))])
    budget = f"{experiment.iterations} iterations of {experiment.groups} groups of {experiment.members}"
    parts = [f"## {experiment.title}", f"{budget}.", table(["method", "measure", "end", "whole curve"], rows)]
    if "updates" in measures(runs):
        parts.append(equal_updates(runs))
    parts.append(f"![Curves: {experiment.title}](reproduction/{experiment.name}.svg)")
    return "\n\n".join(parts)


def equal_updates(runs: Sequence[Run]) -> str:
    """The pass rate where all methods of a seed have made equally many updates."""
    most = {
        run.seed: min(other.curve.values["updates"][-1] for other in runs if other.seed == run.seed) for run in runs
    }
    rows: list[list[str]] = []
    for method in dict.fromkeys(run.method for run in runs):
        rates: list[float] = []
        for run in (run for run in runs if run.method == method):
            updates = run.curve.values["updates"]
            place = next(place for place, made in enumerate(updates) if made >= most[run.seed])
            rates.append(run.curve.values["pass rate"][place])
        rows.append([method, told(interval_of(rates))])
    mean = sum(most.values()) / len(most)
    return f"At equal numbers of updates ({mean:.0f} in the mean of seeds), whatever they cost:\n\n" + table(
        ["method", "pass rate"], rows
    )


def measures(runs: Sequence[Run]) -> list[str]:
    """What the runs measured."""
    return list(runs[0].curve.values) if runs else []


def by_seed(runs: Sequence[Run], method: str, measure: str) -> dict[int, Sequence[float]]:
    """A method's curves."""
    return {run.seed: run.curve.values[measure] for run in runs if run.method == method}


def last_of(plan: Plan, values: Mapping[int, Sequence[float]]) -> list[float]:
    """By seed the main metric."""
    return [tail(curve, plan.last) for curve in values.values()]


def whole(values: Mapping[int, Sequence[float]]) -> list[float]:
    """By seed the mean of the whole curve."""
    return [tail(curve, 1.0) for curve in values.values()]


def told(found: Interval) -> str:
    """A mean with its interval."""
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def picture(experiment: Episodes | Toy, runs: Sequence[Run]) -> str:
    """Mean curves with their intervals, a panel a measure, six methods at most in one."""
    found = of(runs, experiment.name)
    methods = list(dict.fromkeys(run.method for run in found))
    panels: dict[str, dict[str, Line]] = {}
    for measure in measures(found):
        lines: dict[str, Line] = {}
        for method in methods:
            steps = [interval_of(values) for values in zip(*by_seed(found, method, measure).values(), strict=True)]
            low, high = ([one.low for one in steps], [one.high for one in steps]) if len(methods) <= BANDS else ([], [])
            ceiling = 1.0 if measure in SHARES else math.inf  # an interval may reach beyond what can be
            bands = [max(value, 0.0) for value in low], [min(value, ceiling) for value in high]
            lines[method] = Line([one.mean for one in steps], *bands)
        panels[measure] = lines
    return curves(panels, "iterations")


BANDS = 4
SHARES = {"won", "pass rate", "accuracy"}


def waiting(plan: Plan, runs: Sequence[Run]) -> str:
    """How long the trainers waited for rewards."""
    rows: list[list[str]] = []
    named = {experiment.name for experiment in plan.episodes}
    played = [run.curve for run in runs if run.experiment in named]
    total = sum(curve.waited for curve in played) / sum(curve.seconds for curve in played)
    for experiment in plan.episodes:
        for method in experiment.methods:
            found = [run.curve for run in of(runs, experiment.name) if run.method == method.name]
            if found:
                seconds, waited = sum(one.seconds for one in found), sum(one.waited for one in found)
                shares = sorted(one.waited / one.seconds for one in found)
                spread = f"{shares[0]:.1%} to {shares[-1]:.1%}"
                rows.append([experiment.name, method.name, f"{seconds:.0f} s", f"{waited / seconds:.1%}", spread])
    return (
        "## Waiting for rewards\n\nFrom the end of the last episode of an iteration to the last advantages, as a share "
        "of the whole iteration. Episodes are streamed while others play, so only the last ones are waited for. "
        f"Over all runs of this table: **{total:.1%}** of the time.\n\n"
        + table(["experiment", "method", "time of all runs", "waiting", "by run"], rows)
    )


def conditions_section(conditions: Conditions) -> str:
    """Where and when."""
    return (
        f"## Conditions\n\nBegan {conditions.began}, {conditions.seconds:.0f} s with {conditions.processes} processes "
        f"on {conditions.cores} cores; load average {conditions.load_before} before and {conditions.load_after} after. "
        f"Python {conditions.python}, NumPy {conditions.numpy}. Every number is in [raw.json](reproduction/raw.json); "
        "what is learned repeats with equal versions, times do not."
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines)
