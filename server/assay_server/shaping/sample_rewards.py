"""Rewards that read a response's text, from plain values: the same functions that score rollouts."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk import RewardDefinition, Sample, Score
from assay.sdk.samples import Json, Unscorable
from assay_server.estimators.case_values import Computation, given, mapping, text
from assay_server.estimators.definition import bind
from assay_server.rewards.choice import choice
from assay_server.rewards.format_tags import format_tags
from assay_server.rewards.gui_action import gui_action
from assay_server.rewards.numeric_tolerance import numeric_tolerance
from assay_server.rewards.puzzles.knights import knights_and_knaves
from assay_server.rewards.qa_f1 import qa_f1
from assay_server.rewards.rank_agreement import rank_agreement
from assay_server.rewards.tools_function_call import function_call
from assay_server.rewards.verify_math import math

_NO_PARAMS: Mapping[str, Json] = {}


def _scored(definition: RewardDefinition, chosen: Mapping[str, Json] = _NO_PARAMS) -> Computation:
    """``{response, reference}`` to the score; parameters of the reward hold, ``chosen`` where they are left out."""

    def compute(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
        bound = bind(definition.parameters, {**chosen, **params})
        reference = mapping(inputs.get("reference", {}), "reference")
        sample = Sample("case", text(given(inputs, "response"), "response"), reference)
        score = _score(definition, sample, bound)
        components: dict[str, Json] = dict(score.components)
        return {
            "reward": score.value,
            "verdict": score.verdict.name,
            "components": components,
            "answer_key": score.answer_key or None,
            "reason": score.evidence.reason if score.evidence else "",
        }

    return compute


def _score(definition: RewardDefinition, sample: Sample, bound: Mapping[str, object]) -> Score:
    """Without a worker: what only computer algebra could tell cannot be scored here.

    Raises:
        Unscorable: as the reward; UNDECIDED.
    """
    if not definition.wants_ports:
        return definition.function(sample, **bound)
    assert definition.quick is not None
    score = definition.quick(sample, **bound)
    if score is None:
        raise Unscorable("UNDECIDED", f"{definition.id} needs a worker to tell; score the rollout instead")
    return score


def _domain_math(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Items with choices by the chosen letter, masked fill-ins and full equations as mathematics."""
    reference = mapping(inputs.get("reference", {}), "reference")
    return (_scored(choice) if "choices" in reference else _scored(math))(params, inputs)


SAMPLE_METHODS: Mapping[str, Computation] = {
    "verify/math-v1": _scored(math),
    "verify/domain_math-v1": _domain_math,
    "verify/choice-v1": _scored(choice),
    "verify/numeric_tolerance-v1": _scored(numeric_tolerance),
    "verify/tool_call-v1": _scored(function_call),
    "verify/knights_and_knaves-v1": _scored(knights_and_knaves, {"scale": "trpa"}),
    "reward/format_tags-v1": _scored(format_tags),
    "reward/qa_f1-v1": _scored(qa_f1),
    "reward/gui_action-v1": _scored(gui_action),
    "reward/rank_agreement-v1": _scored(rank_agreement),
}
"""By versioned id."""
