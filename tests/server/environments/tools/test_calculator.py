"""The calculator says what exact arithmetic says, and refuses in bounded time what it cannot work out."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.environments.tools.calculator import CalculatorError, calculated, value_of

NUMBERS = st.integers(0, 999).map(lambda number: (str(number), Fraction(number)))


def _joined(parts: tuple[tuple[str, Fraction], str, tuple[str, Fraction]]) -> tuple[str, Fraction]:
    (left, a), sign, (right, b) = parts
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[sign if b or sign != "/" else "+"]
    return f"({left} {sign if b or sign != '/' else '+'} {right})", value


EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(_joined),
        inner.map(lambda one: (f"-({one[0]})", -one[1])),
        inner.map(lambda one: (f"({one[0]})^2", one[1] ** 2)),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_exact_arithmetic_is_exact(expression: tuple[str, Fraction]) -> None:
    text, value = expression
    if len(text) <= 500 and max(value.numerator.bit_length(), value.denominator.bit_length()) < 4096:
        found = value_of(text)
        assert found == value or abs(float(found) - float(value)) <= 1e-9 * abs(float(value))


@given(st.text(alphabet="0123456789.+-*/%^(), esqrtmaxpi\x00é", max_size=600))
def test_any_text_is_worked_out_or_refused(text: str) -> None:
    with suppress(CalculatorError):
        assert calculated(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", "14"), ("-2**2", "-4"), ("2**-1", "0.5"), ("2^3^2", "512"), ("0.1+0.2", "0.3"),
        ("1/3", "0.333333333333333"),
        ("sqrt(16)", "4"), ("max(1, 2, 3) * 2", "6"), ("7 // 2", "3"), ("-7 % 3", "2"), ("round(2.567, 2)", "2.57"),
        ("log(8, 2)", "3"), ("sin(pi/2)", "1"), ("--3", "3"), ("3 × (4 − 1) ÷ 2", "4.5"), ("1_000 * 2", "2000"),
        ("10^40", "1" + "0" * 40), ("sum(1,2,3)", "6"), ("floor(-0.5)", "-1"), ("1.5e3", "1500"),
    ],
)  # fmt: skip
def test_what_people_write(text: str, value: str) -> None:
    assert calculated(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "2 3", "(1", "1)", "1/0", "0^-1", "sqrt", "sqrt 4", "sqrt(-1)", "(-8)^(1/3)", "9**9**9", "1,2", "max()", "x",
     "__import__('os')", "2(3)", "round(1, 99)", "log(0)", "exp(10000)", "1e9999", "(" * 200 + "1" + ")" * 200,
     "1" * 501, "log(1,1)", "5 mod 0", "5 % 0", "floor(1,2)"],
)  # fmt: skip
def test_what_cannot_be_worked_out_is_refused(text: str) -> None:
    with pytest.raises(CalculatorError):
        calculated(text)
