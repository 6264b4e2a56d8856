"""Filters and selections by id as plain functions from JSON to JSON."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk.samples import Json
from assay.sdk.spec import FilterChoice
from assay_server.estimators.case_values import Computation, computation, listed, number, reward_groups
from assay_server.sampling.allocation import ALLOCATION_METHODS
from assay_server.sampling.compared_pairs import COMPARED_PAIR_METHODS
from assay_server.sampling.curriculum import CURRICULUM_METHODS
from assay_server.sampling.downsampling import DOWNSAMPLING_METHODS
from assay_server.sampling.experience import EXPERIENCE_METHODS
from assay_server.sampling.filters import FILTERS, RewardSummary, compile_filters
from assay_server.sampling.guidance import GUIDANCE_METHODS
from assay_server.sampling.pairs import PAIR_METHODS
from assay_server.sampling.rescue import RESCUE_METHODS
from assay_server.sampling.retries import RETRY_METHODS
from assay_server.sampling.selection import select_by_magnitude


def _filter_computation(id: str) -> Computation:
    def compute(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
        filters = compile_filters([FilterChoice(id, params)])
        decisions = {name: filters.judge(RewardSummary.of(rewards)) for name, rewards in reward_groups(inputs).items()}
        return {
            "kept": [name for name, decision in decisions.items() if decision.kept],
            "dropped": {name: decision.reason for name, decision in decisions.items() if not decision.kept},
        }

    return compute


def _abs_advantage(inputs: Mapping[str, Json], *, threshold: float = 0.01, multiple_of: int = 1) -> dict[str, Json]:
    advantages = [
        float("nan") if value is None else number(value, f"advantages[{place}]")
        for place, value in enumerate(listed(inputs, "advantages"))
    ]
    return {"kept": list(select_by_magnitude(advantages, threshold=threshold, multiple_of=multiple_of).kept)}


COMPUTATIONS: Mapping[str, Computation] = {
    **{name: _filter_computation(name) for name in FILTERS},
    "select/abs_advantage-v1": computation(_abs_advantage),
    **DOWNSAMPLING_METHODS,
    **ALLOCATION_METHODS,
    **RESCUE_METHODS,
    **PAIR_METHODS,
    **CURRICULUM_METHODS,
    **GUIDANCE_METHODS,
    **COMPARED_PAIR_METHODS,
    **RETRY_METHODS,
    **EXPERIENCE_METHODS,
}
"""By versioned id."""
