from __future__ import annotations

from dataclasses import replace

import pytest

from assay.sdk import RewardDefinition, Sample, Score, reward
from assay_server.rewards import Catalogue, DefinitionConflict, UnknownReward, builtin_catalogue


def define(id: str, *aliases: str) -> RewardDefinition:
    @reward(id, bounds=(0.0, 1.0), aliases=aliases)
    def one(sample: Sample) -> Score:
        """One."""
        del sample
        return Score(1.0)

    return one


V2, V10, OTHER = define("a/b-v2", "short"), define("a/b-v10", "short"), define("a/c-v1")
CATALOGUE = Catalogue([V10, V2, OTHER])


def test_names_resolve_by_id_by_family_and_by_alias_to_the_newest() -> None:
    assert CATALOGUE.resolve("a/b-v2") is V2
    assert CATALOGUE.resolve("a/b") is V10
    assert CATALOGUE.resolve("short") is V10
    assert CATALOGUE.definitions() == (V2, V10, OTHER)


@pytest.mark.parametrize("name", ["a/b-v3", "shirt", "", "x" * 100_000, "A/B"])
def test_an_unknown_name_is_an_error(name: str) -> None:
    with pytest.raises(UnknownReward) as caught:
        CATALOGUE.resolve(name)
    assert len(str(caught.value)) < 400


def test_the_nearest_names_are_shown() -> None:
    with pytest.raises(UnknownReward, match="nearest: math") as caught:
        builtin_catalogue().resolve("maths")
    assert caught.value.nearest[0] == "math"


def test_a_catalogue_grows_without_changing() -> None:
    verl = define("verl/compute_score-v1")
    grown = CATALOGUE.with_definition(verl, "reward.py:compute_score")
    assert grown.resolve("reward.py:compute_score") is verl
    assert grown.with_definition(define("x/y-v1")).resolve("reward.py:compute_score") is verl
    with pytest.raises(UnknownReward):
        CATALOGUE.resolve("verl/compute_score-v1")
    newer = CATALOGUE.with_definition(define("a/b-v11"))
    assert newer.resolve("a/b").id == "a/b-v11"


def test_nothing_is_shadowed() -> None:
    with pytest.raises(DefinitionConflict, match="another digest"):
        CATALOGUE.with_definition(replace(V2, digest="0"))
    for clash in (define("x/y-v1", "short"), define("x/y-v1", "a/b"), define("x/y-v1", "a/b-v2")):
        with pytest.raises(DefinitionConflict):
            CATALOGUE.with_definition(clash)
    with pytest.raises(DefinitionConflict):
        CATALOGUE.with_definition(define("x/y-v1"), "short")
    assert CATALOGUE.with_definition(V2).definitions() == CATALOGUE.definitions()


def test_the_built_ins_are_found_and_say_what_they_are() -> None:
    found = {definition.id: definition for definition in builtin_catalogue().definitions()}
    assert {
        "reward/cosine_length-v1",
        "reward/format_tags-v1",
        "reward/token_budget_triangle-v1",
        "text/exact_match-v1",
        "text/normalised_match-v1",
        "verify/choice-v1",
        "verify/math-v1",
        "verify/numeric_tolerance-v1",
    } <= set(found)
    for definition in found.values():
        assert definition.doc
        assert len(definition.digest) == 64
    assert builtin_catalogue().resolve("math").id == "verify/math-v1"


def test_the_digest_of_a_built_in_covers_more_than_its_function() -> None:
    from assay_server.rewards.verify_math import math

    assert builtin_catalogue().resolve("math").digest != math.digest
