"""Rewrites stay equal, edits become different; a table per class; every layer is needed."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from assay.sdk import Sample, Strictness, Symbolic, SymbolicVerdict, Unscorable
from assay_server.execution.symbolic import SympySymbolic, comparison, numeric
from assay_server.rewards import answers, equivalence_classes, verify_math
from assay_server.rewards.extraction import Extraction
from assay_server.rewards.mathematics import structures
from assay_server.rewards.mathematics.normal_form import Form
from assay_server.rewards.mathematics.tree import Node
from assay_server.rewards.verify_math import math_quick, math_score

from .forms import FORMS, Case

SYMBOLIC = SympySymbolic()
ACCEPTED, REFUSED, PER_CLASS = 0.999, 0.9995, 0.99
FEW, MANY = 4, 110


class Count(NamedTuple):
    """Pairs of one class and how many were judged right."""

    equal: int
    accepted: int
    different: int
    refused: int


class Unable:
    """A symbolic layer that never decides."""

    def compare(self, prediction: str, reference: str, strictness: Strictness = "default") -> SymbolicVerdict:
        assert prediction is not None
        assert reference is not None
        return SymbolicVerdict(None, "symbolic", f"disabled ({strictness})")


def verdict(prediction: str, reference: str, symbolic: Symbolic) -> bool | None:
    sample = Sample("r", f"So it is \\boxed{{{prediction}}}.", {"answer": reference})
    try:
        return math_score(sample, symbolic).value == 1.0
    except Unscorable:
        return None


def cases(name: str, count: int) -> Iterator[Case]:
    generator = random.Random(f"{name} {count}")
    for _ in range(count):
        yield FORMS[name](generator)


def pairs(name: str, count: int) -> Iterator[tuple[str, str, bool]]:
    """Distinct ``(prediction, reference, same)``; attacks are predictions only."""
    seen: set[tuple[str, str]] = set()
    for case in cases(name, count):
        for rewrites, same in ((case.equal, True), (case.different, False)):
            for text in rewrites:
                both = name != "not fooled" and bool(text.strip())
                for pair in ((text, case.base), (case.base, text)) if both else ((text, case.base),):
                    if pair not in seen:
                        seen.add(pair)
                        yield *pair, same


def measure(count: int, symbolic: Symbolic = SYMBOLIC) -> dict[str, Count]:
    table: dict[str, Count] = {}
    for name in FORMS:
        equal = accepted = different = refused = 0
        for prediction, reference, same in pairs(name, count):
            given = verdict(prediction, reference, symbolic)
            equal, accepted = equal + same, accepted + (same and given is True)
            different, refused = different + (not same), refused + (not same and given is False)
        table[name] = Count(equal, accepted, different, refused)
    return table


def shown(table: dict[str, Count]) -> str:
    lines = [f"{'class':22} {'equal accepted':>18} {'different refused':>20}"]
    for name, count in table.items():
        lines.append(f"{name:22} {count.accepted:9}/{count.equal:<8} {count.refused:11}/{count.different:<8}")
    return "\n".join(lines)


def problems(table: dict[str, Count]) -> list[str]:
    """What misses a threshold."""
    found: list[str] = []
    total = Count(*(sum(column) for column in zip(*table.values(), strict=True)))
    if total.accepted < ACCEPTED * total.equal:
        found.append(f"accepted {total.accepted} of {total.equal}")
    if total.refused < REFUSED * total.different:
        found.append(f"refused {total.refused} of {total.different}")
    for name, count in table.items():
        if count.accepted < PER_CLASS * count.equal or count.refused < PER_CLASS * count.different:
            found.append(f"{name}: {count}")
    return found


def test_a_sample_of_every_class_is_judged_right() -> None:
    table = measure(FEW)
    sys.stdout.write(f"{shown(table)}\n")
    assert sum(count.equal + count.different for count in table.values()) >= 2000
    assert problems(table) == []


@pytest.mark.full
def test_every_class_is_judged_right() -> None:
    table = measure(MANY)
    sys.stdout.write(f"{shown(table)}\n")
    assert sum(count.different for count in table.values()) >= 20_000
    assert [name for name, count in table.items() if count.different < 500] == []
    assert problems(table) == []


@pytest.mark.parametrize("layer", [name for name, _ in answers.LAYERS])
def test_no_comparison_can_be_left_out(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LAYERS", tuple(item for item in answers.LAYERS if item[0] != layer))
    assert problems(measure(2)) != []


def test_the_symbolic_layers_cannot_be_left_out() -> None:
    assert problems(measure(2, Unable())) != []


def refusals(table: dict[str, Count]) -> int:
    return sum(count.refused for count in table.values())


def test_the_floating_refutation_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = refusals(measure(1, Unable()))

    def never(_a: Node, _b: Node) -> bool:
        return False

    monkeypatch.setattr(structures, "refuted", never)
    assert refusals(measure(1, Unable())) < complete


def test_the_normal_form_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_a: Form, _b: Form) -> bool:
        return False

    monkeypatch.setattr(structures, "equal_forms", never)
    assert problems(measure(1, Unable())) != []


def test_algebra_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(_a: Node, _b: Node) -> bool:
        return False

    monkeypatch.setattr(comparison, "_is_zero", unable)
    assert problems(measure(2)) != []


def test_many_digits_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(_a: Node, _b: Node, _names: frozenset[str]) -> None:
        return None

    monkeypatch.setattr(numeric, "agree", unable)
    assert problems(measure(2)) != []


def test_the_extraction_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(response: str, *, prompt: str = "", truncated: bool = False) -> Extraction:
        assert not prompt
        assert not truncated
        return Extraction(response, "whole_text", 0, len(response))

    monkeypatch.setattr(verify_math, "extract_answer", unable)
    assert problems(measure(1)) != []


def test_every_answer_is_itself_and_judgement_is_symmetric() -> None:
    for name in FORMS:
        for case in cases(name, 2):
            assert verdict(case.base, case.base, SYMBOLIC) is True
            if name == "not fooled":
                continue
            for text in (*case.equal, *filter(str.strip, case.different)):
                assert verdict(text, case.base, SYMBOLIC) is verdict(case.base, text, SYMBOLIC), (text, case.base)


def test_equal_forms_fall_into_one_class_and_different_ones_do_not() -> None:
    def decider(left: str, right: str) -> bool | None:
        return SYMBOLIC.compare(left, right).equal

    for name in ("fraction", "root", "interval", "set", "polynomial", "matrix", "equation"):
        for case in cases(name, 3):
            texts = [case.base, *case.equal, *case.different]
            classes = equivalence_classes(texts, decider=decider)
            assert set(classes[: 1 + len(case.equal)]) == {0}, (texts, classes)
            assert 0 not in classes[1 + len(case.equal) :], (texts, classes)


def test_most_pairs_never_reach_the_symbolic_layer() -> None:
    reached = total = 0
    for name in FORMS:
        for prediction, reference, _ in pairs(name, 1):
            total += 1
            reached += math_quick(Sample("r", f"\\boxed{{{prediction}}}", {"answer": reference})) is None
    assert reached <= 0.1 * total, f"{reached} of {total}"
