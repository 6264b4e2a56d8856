"""``assay bench plan``: replicas for a training job."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import cast

from assay_server.cli.refusals import Usage
from assay_server.load.plan_text import plan_json, plan_lines
from assay_server.load.planning import MEASURED, Aims, Costs, Job, TooMuch, plan


def planned_lines(job: Job, aims: Aims, costs: str | None, *, as_json: bool) -> list[str]:
    """What it takes, as lines, or as one line of JSON.

    Raises:
        Usage: the file of costs is none, the shares are more than all, or nothing holds the aims.
    """
    if job.symbolic + job.programs + job.judged > 1.0 + 1e-9:
        raise Usage("--symbolic, --programs and --judged are shares of the same rollouts: together at most 1")
    try:
        found = plan(job, MEASURED if costs is None else read_costs(Path(costs)), aims)
    except TooMuch as error:
        raise Usage(str(error)) from error
    return [json.dumps(plan_json(job, aims, found))] if as_json else plan_lines(job, aims, found)


def read_costs(path: Path) -> Costs:
    """The costs that ``benchmarks/costs.py`` printed into a file. Raises Usage."""
    try:
        said = cast("object", json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise Usage(f"--costs {path}: {error.strerror}") from error
    except ValueError as error:
        raise Usage(f"--costs {path}: expected the JSON that benchmarks/costs.py prints") from error
    known = cast("dict[str, object]", said) if isinstance(said, dict) else {}
    values: dict[str, float] = {}
    for field in fields(Costs):
        name = _camel(field.name)
        value = known.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise Usage(f"--costs {path}: {name}: expected a number >= 0")
        values[field.name] = float(value)
    return Costs(**values)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
