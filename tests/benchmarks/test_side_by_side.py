"""The comparisons: what they compare does the same work, and what they write down is whole."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from assay_server.estimators.similarity import first_fit_arrival
from benchmarks.side_by_side.attacks import ATTACKS, HONEST, WRONG, Place
from benchmarks.side_by_side.comparison import Comparison, Picture, write
from benchmarks.side_by_side.execution import run_file
from benchmarks.side_by_side.grouping import THRESHOLD, by_difflib, observations
from benchmarks.side_by_side.report import report


def test_difflib_and_the_parity_mode_find_the_same_groups() -> None:
    texts = observations(30, random.Random(1))
    assert by_difflib(texts, THRESHOLD) == first_fit_arrival(texts, THRESHOLD)


def test_the_common_runner_tells_right_from_wrong_and_believes_an_exit_code() -> None:
    assert run_file(HONEST)
    assert not run_file(WRONG)
    with Place.made() as place:
        assert run_file(ATTACKS[0].program(place))


def test_every_attack_is_a_program_with_its_names_filled_in() -> None:
    with Place.made() as place:
        for attack in ATTACKS:
            text = attack.program(place)
            compile(text, attack.name, "exec")
            assert not {"SECRET", "MARK", "PORT", "BASE"} & set(text.replace("(", " ").replace(")", " ").split())


def test_a_comparison_is_written_with_picture_numbers_and_what_is_missing(tmp_path: Path) -> None:
    table = {"Rates": [["way", "rate"], ["ours", "2"], ["theirs", "1"]]}
    picture = Picture("Rates", {"ours": {"rate": 2.0}, "theirs": {"rate": 1.0}}, "per second")
    made = Comparison("toy", "A toy", "By counting.", table, picture, {"rates": [2, 1]}, ["a peer (no network)"])
    text = write(made, tmp_path, 0.5)
    assert "| theirs | 1 |" in text
    assert "Not measured: a peer (no network)" in text
    raw = json.loads((tmp_path / "toy.json").read_text())
    assert (raw["rates"], raw["missing"], raw["machine"]["loadBefore"]) == ([2, 1], ["a peer (no network)"], 0.5)
    assert (tmp_path / "toy.svg").read_text().count("<rect") == 2
    assert report(tmp_path, ("absent", "toy")).endswith(text)


@pytest.mark.parametrize("name", ["math", "execution", "environments", "grouping", "transport"])
def test_the_page_has_every_comparison_with_its_numbers(name: str) -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "side-by-side.md").read_text()
    assert f"side-by-side/{name}.svg" in page
    assert f"side-by-side/{name}.json" in page
    assert json.loads((docs / "side-by-side" / f"{name}.json").read_text())["missing"] == []
