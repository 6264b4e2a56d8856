"""What crosses into the sandbox arrives as it was; what comes out of it is believed only as far as it is checked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import FinishedGroup, GroupMember, Json, Sample, Step, ToolCall, Verdict, group_reward, reward
from assay.sdk.samples import Score
from assay_server.execution.registered.declarations import (
    Declaration,
    NotDeclared,
    encode_declaration,
    read_declaration,
    write_declaration,
)
from assay_server.execution.registered.plain import Asked, decode_asked, encode_asked
from assay_server.execution.registered.sources import BadSource, PluginSource

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NUMBERS = st.floats(allow_nan=False) | st.integers()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
STEPS = st.builds(
    Step,
    index=st.integers(0, 9),
    action=TEXTS,
    observation=TEXTS,
    reward=st.none() | st.floats(allow_nan=False),
    done=st.booleans(),
    tool_calls=st.lists(st.builds(ToolCall, name=TEXTS, arguments=TEXTS), max_size=2).map(tuple),
)
SAMPLES = st.builds(
    Sample,
    rollout_id=TEXTS,
    response=TEXTS,
    reference=st.dictionaries(TEXTS, JSON, max_size=3),
    extra=st.dictionaries(TEXTS, JSON, max_size=3),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    num_tokens=st.none() | st.integers(0),
    signals=st.dictionaries(TEXTS, st.floats(allow_nan=False), max_size=2),
)


@given(SAMPLES, st.dictionaries(TEXTS, JSON, max_size=3))
def test_a_sample_arrives_as_it_was(sample: Sample, params: Mapping[str, Json]) -> None:
    assert decode_asked(encode_asked(Asked(7, params, sample=sample))) == Asked(7, params, sample=sample)


@given(st.lists(st.tuples(SAMPLES | st.none(), NUMBERS, st.sampled_from(Verdict)), max_size=3))
def test_groups_arrive_as_they_were(members: list[tuple[Sample | None, float, Verdict]]) -> None:
    told = tuple(GroupMember(f"r{i}", value, verdict, sample=one) for i, (one, value, verdict) in enumerate(members))
    asked = Asked(1, {}, groups=(FinishedGroup("g", told, "p", 3), FinishedGroup("h", ())))
    assert decode_asked(encode_asked(asked)) == asked


def test_arrays_and_what_is_said_twice_arrive_too() -> None:
    array = np.arange(6, dtype="<f4").reshape(2, 3)[:, ::2]
    sample = Sample("r", "said " * 1000, steps=(Step(0, "said " * 1000),), signals={"a": array, "s": np.float64(2.5)})
    payload = encode_asked(Asked(1, {}, sample=sample))
    assert payload.count(b"said") == 1000
    found = decode_asked(payload).sample
    assert found is not None
    assert found.response == sample.response
    assert found.signals["s"] == 2.5
    there = np.asarray(found.signals["a"])
    assert (there.dtype, there.tolist()) == (array.dtype, array.tolist())


@reward("acme/one-v1", bounds=(float("-inf"), 2), required_signals=("entropy",), parts={"a": (0, 1)})
def one(
    sample: Sample, *, scale: float = 2.0, names: tuple[str, ...] = ("a",), kind: dict[str, int] | None = None
) -> Score:
    """What it says."""
    return Score(scale * len(names) + len(sample.response) + len(kind or ()))


@group_reward("acme/two-v2", bounds=(0, 1))
def two(group: FinishedGroup) -> list[float]:
    return [0.0 for _ in group.members]


@pytest.mark.parametrize("definition", [one, two], ids=lambda definition: str(definition.id))
def test_a_declaration_is_read_as_it_was_written(definition: object) -> None:
    declared = read_declaration(encode_declaration(definition))  # type: ignore[arg-type] - either kind of definition
    assert read_declaration(write_declaration(declared).encode()) == declared
    assert (declared.id, declared.minimum, declared.maximum) == (
        getattr(definition, "id", ""),
        getattr(definition, "minimum", 0),
        getattr(definition, "maximum", 0),
    )


PLACES = st.sampled_from(sorted(json.loads(encode_declaration(one))))


@given(PLACES, JSON | st.just("x" * 30_000) | st.just(cast("Json", [[]] * 100)))
def test_whatever_stands_in_a_declaration_it_is_read_or_refused(place: str, value: Json) -> None:
    body = cast("dict[str, Json]", json.loads(encode_declaration(one)))
    body[place] = value
    with contextlib.suppress(NotDeclared):
        assert isinstance(read_declaration(json.dumps(body).encode()), Declaration)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"kind":' + b"9" * 10_000 + b"}", b'"\\ud800"', b"x" * (1 << 18)],
    ids=range(8),
)
def test_what_is_no_declaration_is_refused(payload: bytes) -> None:
    with pytest.raises(NotDeclared):
        read_declaration(payload)


def test_schemas_of_declarations_are_not_followed_for_ever() -> None:
    body = json.loads(encode_declaration(one))
    schema: Json = {"type": "null"}
    for _ in range(50):
        schema = {"anyOf": [schema]}
    body["parameters"] = [["p", schema, True, None]]
    with pytest.raises(NotDeclared):
        read_declaration(json.dumps(body).encode())


def test_a_source_is_named_by_all_of_its_content() -> None:
    digests = {PluginSource(*parts).digest for parts in (("a", ""), ("a", "b"), ("b", ""), ("", "a"))}
    assert len(digests) == 4
    for text, name in (("", ""), (" \n", ""), ("x" * (1 << 18) + "y", ""), ("x", "a.b"), ("x", "a/b"), ("x", "é")):
        with pytest.raises(BadSource):
            PluginSource(text, name).check()
