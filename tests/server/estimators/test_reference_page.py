"""docs/estimators.md says of every estimator and computed method what the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_server.compute import COMPUTATIONS
from assay_server.estimators import ESTIMATORS
from assay_server.estimators.declared import DeclaredMethod
from assay_server.estimators.reference_page import estimator_row, method_row
from assay_server.estimators.reference_pictures import REWARDS, advantages_of, pictures

PAGE = Path(__file__).parents[3] / "docs" / "estimators.md"
METHODS = {name: found for name, found in COMPUTATIONS.items() if isinstance(found, DeclaredMethod)}


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_estimator_has_its_row(name: str) -> None:
    assert estimator_row(ESTIMATORS[name]) in PAGE.read_text().splitlines()


def test_every_method_has_its_row() -> None:
    lines = set(PAGE.read_text().splitlines())

    assert [name for name, found in METHODS.items() if method_row(found) not in lines] == []


def test_every_method_says_what_it_does() -> None:
    assert [name for name, found in METHODS.items() if not (found.summary and found.formula and found.source)] == []


def test_every_computation_of_groups_is_named() -> None:
    page = PAGE.read_text()
    named = [name for name in COMPUTATIONS if name.startswith(("advantage/", "metric/", "select/"))]

    assert [name for name in named if f"`{name}`" not in page] == []


def test_the_pictures_are_those_of_the_registry() -> None:
    assert (PAGE.parent / "estimators.svg").read_text() == pictures()


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_estimator_has_a_picture_and_prefers_what_is_right(name: str) -> None:
    advantages = advantages_of(ESTIMATORS[name])

    assert f">{name}<" in pictures()
    assert len(advantages) == len(REWARDS)
    assert min(advantages[0], advantages[5]) > max(advantages[1], advantages[7])
