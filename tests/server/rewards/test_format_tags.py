from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Sample, Unscorable
from assay_server.rewards.format_tags import format_tags


def violations(response: str, **params: object) -> list[str]:
    score = format_tags.function(Sample("r", response), **params)
    assert score.evidence is not None
    found = cast("list[str]", score.evidence.detail["violations"])
    assert score.value == float(not found)
    return found


GOOD = "<think>a</think>\n<answer>b</answer>"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (GOOD, []),
        (f" {GOOD}\n", []),
        ("<think>a <b> c</think><answer>b</answer>", []),
        ("", ["<think> is missing", "<answer> is missing"]),
        ("<think>a</think>", ["<answer> is missing"]),
        ("<think></think><answer>b</answer>", ["<think> is empty"]),
        ("<think> \n</think><answer>b</answer>", ["<think> is empty"]),
        ("<answer>b</answer><think>a</think>", ["order is answer, think"]),
        (f"Hello {GOOD}", ["text outside the tags"]),
        (f"{GOOD} bye", ["text outside the tags"]),
        ("<think>a</think>so<answer>b</answer>", ["text outside the tags"]),
        (f"{GOOD}<answer>c</answer>", ["<answer> occurs 2 times"]),
        (
            "<think>a<answer>b</answer></think>",
            ["<answer> inside <think>", "</answer> inside <think>", "<answer> is missing"],
        ),
        ("<think>a</think><answer>b", ["<answer> is not closed"]),
        ("a</think><answer>b</answer>", ["</think> was not opened", "<think> is missing", "text outside the tags"]),
    ],
)
def test_violations(response: str, expected: list[str]) -> None:
    assert violations(response) == expected


def test_what_a_schema_may_allow() -> None:
    assert violations("<think></think><answer>b</answer>", may_be_empty=["think"]) == []
    assert violations("<answer>b</answer>", optional=["think"]) == []
    assert violations(f"So: {GOOD}.", allow_text_outside=True) == []
    assert violations("<plan>a</plan><code>b</code>", tags=["plan", "code"]) == []


def test_each_tag_is_a_component() -> None:
    score = format_tags.function(Sample("r", "<think>a</think>"))
    assert score.components == {"think": 1.0, "answer": 0.0}


@pytest.mark.parametrize("tags", [[], ["a", "a"], ["<a>"], [""]])
def test_a_schema_must_make_sense(tags: list[str]) -> None:
    with pytest.raises(Unscorable) as caught:
        violations("x", tags=tags)
    assert caught.value.reason == "INVALID_PARAMETER"


@given(st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "x", " "]), max_size=12).map("".join))
def test_only_the_one_shape_passes(response: str) -> None:
    inner = response.strip()
    thought, mark, answer = inner.partition("</think>")
    content = (thought.removeprefix("<think>"), answer.strip().removeprefix("<answer>").removesuffix("</answer>"))
    shaped = (
        inner.startswith("<think>")
        and mark
        and answer.strip().startswith("<answer>")
        and inner.endswith("</answer>")
        and all(part.strip() and "think>" not in part and "answer>" not in part for part in content)
    )
    assert (violations(response) == []) is bool(shaped)
