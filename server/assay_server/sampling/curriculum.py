"""Which tasks a stage of training may draw, and where in a space of tasks it starts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import column_of, numbers_of, whole_number
from assay_server.sampling.downsampling import generator_of


@method(
    "sample/curriculum_stage-v1",
    reach="run",
    inputs="difficulties in [0, 1] (0 = unknown), global_step",
    formula="stage i up to step until[i]: tasks of difficulty <= highest[i]; afterwards all",
    edges="A task of unknown difficulty is in every stage.",
    source="CRAFT-GUI, SARI, DeepVideo-R1, Vision-R1, A-GRAE (the order; stages are configuration)",
)
def curriculum_stage(inputs: Mapping[str, Json], *, until: list[int], highest: list[float]) -> Outputs:
    """Easy tasks first."""
    require(len(until) == len(highest), "highest", f"one for each of {len(until)} stages", highest)
    require(sorted(set(until)) == until, "until", "rising steps", until)
    difficulties, step = column_of(inputs, "difficulties", 0.0, 1.0), whole_number(inputs, "global_step")
    stage = next((place for place, end in enumerate(until) if step <= end), len(until))
    limit = 1.0 if stage == len(until) else highest[stage]
    eligible: list[Json] = list(np.flatnonzero(difficulties <= limit).tolist())
    return {"stage": stage, "eligible": eligible}


@method(
    "sample/task_space-v1",
    reach="run",
    inputs="returns[start]: of the group that began there; distances of each start to its group's centroid, may be "
    "left out; draw and seed, to draw that many",
    formula="priority = variance (ddof 1) of the returns x (1 + distance); probability = its share",
    edges="All 0: uniform. One return: variance 0. No starts: empty.",
    source="ExIt (Bootstrapping Task Spaces for Self-Improvement)",
    verify="how diversity enters: the paper multiplies by a diversity bonus",
)
def task_space(inputs: Mapping[str, Json]) -> Outputs:
    """Starts are drawn where outcomes vary and states are unusual."""
    returns = [numbers_of(own, f"returns[{place}]") for place, own in enumerate(listed(inputs, "returns"))]
    distances = column_of(inputs, "distances", 0.0) if "distances" in inputs else np.zeros(len(returns))
    if len(distances) != len(returns):
        raise InputError("distances", f"expected {len(returns)} numbers, got {len(distances)}")
    variances = [float(Partition.single(len(own)).moments(own).std(1)[0]) ** 2 for own in returns]
    priorities = np.array(variances) * (1.0 + distances)
    total = float(priorities.sum())
    shares = priorities / total if total > 0.0 else np.full(len(returns), 1.0 / max(len(returns), 1))
    found: Outputs = {"priorities": priorities.tolist(), "probabilities": shares.tolist()}
    if "draw" in inputs:
        number = whole_number(inputs, "draw")
        if number and not returns:
            raise InputError("draw", "expected 0: there is nothing to draw from")
        drawn = generator_of(inputs).choice(max(len(returns), 1), number, p=shares if returns else None)
        found["drawn"] = drawn.tolist()
    return found


CURRICULUM_METHODS = table(curriculum_stage, task_space)
