"""Information gain of turns: how much more likely the right answer became."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import number_in, numbers_of


@method(
    "reward/information_gain-v1",
    reach="sample",
    inputs="answer_logprobs: per turn, and first before any, the log-probabilities of the answer's tokens; outcome; "
    "format_ok, true where left out",
    formula="p_t = exp(mean log-probability); r_t = p_t - p_(t-1), the last turn's reward is the outcome",
    edges="Bad format: the last reward is format_failure, and there are no gains. A log-probability above 0, or a turn "
    "without tokens: refused.",
    source="IGPO (Information Gain-based Policy Optimization)",
)
def information_gain(inputs: Mapping[str, Json], *, format_failure: float = -2.0) -> Outputs:
    """Each turn earns what it adds to the probability of the answer."""
    turns = listed(inputs, "answer_logprobs")
    logprobs = [numbers_of(turn, f"answer_logprobs[{place}]", high=0.0) for place, turn in enumerate(turns)]
    for place, turn in enumerate(logprobs):
        if not len(turn):
            raise InputError(f"answer_logprobs[{place}]", "expected at least one token")
    if not logprobs:
        raise InputError("answer_logprobs", "expected at least the one before the first turn")
    outcome = number_in(inputs, "outcome")
    probability = np.exp(np.array([turn.mean() for turn in logprobs]))
    if not boolean(inputs.get("format_ok", True), "format_ok"):
        return {"step_rewards": [*([0.0] * (len(logprobs) - 1)), format_failure]}
    return {"step_rewards": [*np.diff(probability).tolist(), outcome]}


INFORMATION_METHODS = table(information_gain)
