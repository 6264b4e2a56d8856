"""One object of everything that can be named; ids belong to one definition, of whatever kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from assay.sdk import FinishedGroup, PluginDefinition, batch_reward, estimator, group_reward, selector
from assay.sdk.spec import EstimatorChoice, FilterChoice, Leaf
from assay_server.estimators import ESTIMATORS, PluggedEstimator
from assay_server.execution.catalogues import Catalogues
from assay_server.execution.plugin_files import BrokenPlugin
from assay_server.execution.plugin_records import built_in_records
from assay_server.rewards.tree import compile_reward
from assay_server.sampling.selectors import PluggedSelector


def zeros(group: FinishedGroup, *, scale: float = 1.0) -> Sequence[float]:
    """Nothing for anyone."""
    return [0.0 * scale for _ in group.members]


def all_zeros(groups: Sequence[FinishedGroup]) -> Sequence[Sequence[float]]:
    """Nothing for anyone."""
    return [[0.0 for _ in group.members] for group in groups]


def keep(group: FinishedGroup) -> str:
    """Everything is kept."""
    del group
    return ""


PLUGIN: Sequence[PluginDefinition] = (
    group_reward("acme/zeros-v1", bounds=(0, 1))(zeros),
    batch_reward("acme/all_zeros-v1", bounds=(0, 1))(all_zeros),
    estimator("acme/none-v1")(zeros),
    selector("acme/keep-v1")(keep),
)
BUILT_IN = Catalogues.built_in()


def with_plugin(*definitions: PluginDefinition) -> Catalogues:
    return BUILT_IN.extended("plugin.py", [(one, ()) for one in definitions])


def test_every_kind_is_found_where_it_is_looked_for():
    found = with_plugin(*PLUGIN)
    assert compile_reward(Leaf("acme/zeros"), found.rewards).stages is not None
    assert compile_reward(Leaf("acme/all_zeros-v1"), found.rewards).stages is not None
    compiled = found.estimators.compile(EstimatorChoice("acme/none", {"scale": 2}))
    assert isinstance(compiled, PluggedEstimator)
    assert compiled.bound == {"scale": 2.0}
    assert [type(step) for step in found.selectors.compile([FilterChoice("acme/keep")]).steps] == [PluggedSelector]
    assert set(found.plugged) == {one.id for one in PLUGIN}


def test_what_is_built_in_is_not_changed_by_plugins():
    before = dict(ESTIMATORS)
    with_plugin(*PLUGIN)
    assert before == ESTIMATORS
    assert BUILT_IN.plugged == {}
    assert [one.id for one in BUILT_IN.rewards.scoped()] == []


def test_the_same_definition_may_come_twice():
    again = with_plugin(*PLUGIN).extended("again.py", [(one, ()) for one in PLUGIN])
    assert set(again.plugged) == {one.id for one in PLUGIN}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (replace(PLUGIN[2], digest="0" * 64), "estimator acme/none-v1 exists with another digest"),
        (replace(PLUGIN[0], id="acme/none-v1"), "acme/none-v1 exists as estimator"),
        (estimator("advantage/grpo-v1")(zeros), "estimator advantage/grpo-v1 exists with another digest"),
        (selector("select/mixed_outcome-v1")(keep), "selector select/mixed_outcome-v1 exists with another digest"),
        (group_reward("verify/math-v1", bounds=(0, 1))(zeros), "verify/math-v1 exists as reward"),
    ],
)
def test_an_id_is_given_once(definition: PluginDefinition, words: str):
    with pytest.raises(BrokenPlugin, match=words):
        with_plugin(*PLUGIN).extended("other.py", [(definition, ())])


def test_built_ins_of_every_kind_are_listed_with_what_is_to_be_known_of_them():
    records = {record.id: record for record in built_in_records(BUILT_IN)}
    assert {record.kind for record in records.values()} == {"reward", "estimator", "selector", "environment"}
    assert all(len(record.digest) == 64 and record.summary for record in records.values())
    assert records["advantage/group_mean_batch_std-v1"].scope == "batch"
    assert "properties" in records["select/passrate_band-v1"].parameters
