"""Preference pairs and token weights of a finished group, without a server."""

from __future__ import annotations

import numpy as np
import pytest

from assay.sdk.samples import Verdict
from assay.sdk.spec import EstimatorChoice, OutputChoice
from assay_server.estimators import Group, InputError, Member, ParameterError, compile_estimator
from assay_server.sampling.group_outputs import GroupOutputs, UnknownOutput, compile_outputs

GRPO = compile_estimator(EstimatorChoice("advantage/grpo"))


def told(group: Group, *outputs: OutputChoice) -> GroupOutputs:
    return compile_outputs(outputs).of(group, GRPO.advantages([group])[0])


def group(*members: Member) -> Group:
    return Group("g", members)


def test_members_that_do_not_count_make_no_pair() -> None:
    three = group(Member("a", 1.0), Member("b", None), Member("c", 0.0))
    (pair,) = told(three, OutputChoice("pairs/best_worst")).pairs
    assert (pair.chosen, pair.rejected, pair.margin) == ("a", "c", 1.0)
    assert told(group(Member("a", 1.0), Member("b", 1.0)), OutputChoice("pairs/difference")).pairs == ()


def test_levels_weigh_and_answers_are_equivalent() -> None:
    members = [Member(name, 0.0, signals={"level": level}) for name, level in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    weighed = told(group(*members), OutputChoice("pairs/ordinal_levels", {"best_weight": 4.0})).pairs
    assert [(pair.chosen, pair.rejected, pair.weight) for pair in weighed] == [
        ("a", "b", 4.0),
        ("a", "c", 4.0),
        ("b", "c", 1.0),
    ]
    right = Member("a", 0.2, answer_key="x", verdict=Verdict.CORRECT)
    wrong = Member("b", 0.9, answer_key="y", verdict=Verdict.INCORRECT)
    (pair,) = told(group(right, wrong), OutputChoice("pairs/equivalence")).pairs
    assert (pair.chosen, pair.rejected) == ("a", "b")


def tokens(name: str, reward: float, **signals: float | list[float]) -> Member:
    told_ = {key: np.array(value) if isinstance(value, list) else value for key, value in signals.items()}
    return Member(name, reward, signals=told_, num_tokens=3)


def test_weights_of_several_methods_multiply() -> None:
    members = (
        tokens("a", 1.0, pivot_token=1.0, decision_token=2.0),
        tokens("b", 0.0, pivot_token=0.0, decision_token=0.0),
    )
    chosen = (OutputChoice("token/suffix_only"), OutputChoice("token/decision_mask"))
    assert told(group(*members), *chosen).weights == {"a": [0.0, 1.0, 0.0], "b": [0.0, 1.0, 1.0]}


def test_masks_by_probability_and_by_entropy() -> None:
    unsure = tokens("a", 1.0, token_logprobs=[-0.01, -1.0], token_entropies=[0.1, 2.0])
    sure = tokens("b", 0.0, token_logprobs=[-0.01, -0.02], token_entropies=[0.5, 0.1])
    both = group(unsure, sure)
    assert told(both, OutputChoice("token/probability_mask")).weights == {"a": [0.0, 1.0], "b": [0.0, 0.0]}
    kept = told(both, OutputChoice("token/entropy_topk", {"share": 0.5})).weights
    assert kept == {"a": [0.0, 1.0], "b": [1.0, 0.0]}


def test_what_is_missing_has_a_name() -> None:
    with pytest.raises(InputError, match="token_ids"):
        told(group(Member("a", 1.0), Member("b", 0.0)), OutputChoice("token/conflict_weights"))
    with pytest.raises(InputError, match="num_tokens"):
        told(group(Member("a", 1.0, signals={"pivot_token": 0.0})), OutputChoice("token/suffix_only"))
    assert compile_outputs([OutputChoice("token/conflict_weights")]).required_signals == ("token_ids",)


def test_unknown_outputs_and_parameters_are_refused() -> None:
    with pytest.raises(UnknownOutput) as unknown:
        compile_outputs([OutputChoice("pairs/sibling")])
    assert "pairs/siblings-v1" in unknown.value.nearest
    with pytest.raises(ParameterError):
        compile_outputs([OutputChoice("pairs/siblings", {"weight": 2.0})])
