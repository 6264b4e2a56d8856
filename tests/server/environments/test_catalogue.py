from __future__ import annotations

import dataclasses

import pytest

from assay_server.environments import KeyDoor
from assay_server.environments.catalogue import EnvironmentCatalogue, UnknownEnvironment, builtin_environments
from assay_server.environments.definition import EnvironmentDefinition


def defined(id_: str, *aliases: str) -> EnvironmentDefinition:
    return EnvironmentDefinition(id_, KeyDoor, "a test", aliases=aliases)


def test_every_built_in_is_found_by_id_family_and_alias_and_makes_an_environment() -> None:
    catalogue = builtin_environments()
    assert {"assay/keydoor-v1", "assay/household-v1"} <= {one.id for one in catalogue.definitions()}
    for definition in catalogue.definitions():
        for name in (definition.id, definition.id.rpartition("-v")[0], *definition.aliases):
            assert catalogue.resolve(name) is definition
        assert callable(definition.make().reset)
        assert len(definition.digest) == 64
        assert definition.summary
        assert definition.options["type"] == "object"
    digests = [one.digest for one in catalogue.definitions()]
    assert len(set(digests)) == len(digests)


def test_a_name_without_a_version_means_the_newest() -> None:
    catalogue = EnvironmentCatalogue([defined("a/x-v10", "x"), defined("a/x-v9", "x"), defined("a/x-v2")])
    assert catalogue.resolve("a/x").id == catalogue.resolve("x").id == "a/x-v10"
    assert catalogue.resolve("a/x-v9").id == "a/x-v9"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownEnvironment) as caught:
        builtin_environments().resolve("housold")
    assert caught.value.nearest[0] == "household"
    with pytest.raises(UnknownEnvironment):
        builtin_environments().resolve("q" * 1_000_000)


def test_two_environments_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="a/x-v1"):
        EnvironmentCatalogue([defined("a/x-v1"), defined("a/x-v1")])
    with pytest.raises(ValueError, match="'x'"):
        EnvironmentCatalogue([defined("a/x-v1", "x"), defined("b/x-v1", "x")])


def test_what_is_added_under_a_held_id_takes_its_place() -> None:
    first = defined("a/x-v1", "x")
    other = dataclasses.replace(first, summary="another")
    catalogue = EnvironmentCatalogue([first]).with_definitions(other, defined("a/y-v1"))
    assert catalogue.resolve("x") is other
    assert len(catalogue.definitions()) == 2
