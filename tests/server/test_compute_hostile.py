"""Every worked example with each of its values spoilt: computed or refused with its field, never raised."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias, cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import COMPUTATIONS, compute

EXAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "estimators_examples.json"
Case: TypeAlias = dict[str, Json]

SPOILT: list[Json] = [
    None, True, "", "x", -1, 0, 0.5, 1e308, -1e308, 10**400, math.nan, math.inf, [], [[]], [None], {}, {"x": 1},
]  # fmt: skip


def spoilt(value: Json) -> Iterator[Json]:
    """The value with one part replaced or left out, for every part."""
    yield from SPOILT
    if isinstance(value, dict):
        for name in value:
            yield {key: item for key, item in value.items() if key != name}
            for changed in spoilt(value[name]):
                yield {**value, name: changed}
    elif isinstance(value, list):
        yield value[:1]
        for place in sorted({0, len(value) - 1} if value else ()):
            for changed in spoilt(value[place]):
                yield [*value[:place], changed, *value[place + 1 :]]


def cases() -> list[Case]:
    if not EXAMPLES.exists():
        return []
    return cast("list[Case]", json.loads(EXAMPLES.read_text())["cases"])


def outcome(case: Case) -> object:
    answer = compute(case)
    if "error" in answer:
        error = cast("dict[str, Json]", answer["error"])
        return error["code"]
    json.dumps(answer, allow_nan=False)
    return 0


@pytest.mark.parametrize("case", cases(), ids=lambda case: cast("Case", case)["id"])
def test_no_spoilt_value_raises_or_gives_what_json_cannot_say(case: Case) -> None:
    found = {
        outcome({"id": case["id"], "params": case["params"], "inputs": changed}) for changed in spoilt(case["inputs"])
    } | {outcome({"id": case["id"], "params": changed, "inputs": case["inputs"]}) for changed in spoilt(case["params"])}

    assert found <= {0, 3}
    assert 3 in found


@pytest.mark.parametrize("name", sorted(COMPUTATIONS))
def test_nothing_at_all_is_refused(name: str) -> None:
    assert outcome({"id": name}) == 3


def test_inputs_are_left_as_they_came() -> None:
    for case in cases():
        before = copy.deepcopy(case)
        compute(case)
        assert case == before
