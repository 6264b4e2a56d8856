"""Edges of methods: nothing to read, half of what is read, and a lone member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import compute


def answer(id: str, *rows: Mapping[str, object]) -> object:
    """The outputs, or the field that is to blame."""
    found = compute({"id": id, "inputs": cast("Json", {"rollouts": [{"group": "q", **row} for row in rows]})})
    if "outputs" in found:
        return found["outputs"]
    error = cast("dict[str, object]", found["error"])
    assert error["code"] == 3
    return str(error["message"]).partition(":")[0]


def test_components_of_nobody_are_none() -> None:
    assert answer("advantage/per_component") == {"advantages": [], "components": {}}


@pytest.mark.parametrize(("half", "missing"), [("alpha", "beta"), ("beta", "alpha")])
def test_half_a_tracker_is_none(half: str, missing: str) -> None:
    assert (
        answer("advantage/single_stream", {"prompt": "p", "reward": 1.0, half: 2.0}) == f"inputs.rollouts[0].{missing}"
    )


def test_a_lone_caller_is_not_shaped_whatever_its_length() -> None:
    mute = {"advantage": 1.0, "correct": True, "first_tool_position": 0, "length": 0}

    assert answer("shape/tool_position", mute) == {"advantages": [1.0]}
    assert answer("shape/tool_position", mute, mute) == "inputs.rollouts[0].length"


def test_what_is_not_finite_is_refused_without_a_warning() -> None:
    lone = {"id": "advantage/asymmetric_grae", "params": {"eps": 0.0, "singleton": "raw"}}
    found = compute(cast("dict[str, Json]", {**lone, "inputs": {"rollouts": [{"group": "q", "reward": 1.0}]}}))

    assert cast("dict[str, object]", found["error"])["code"] == 3
