from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay_server.rewards.numbers import MAX_DIGITS, canonical, parse_number, sole_number

FRACTIONS = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)
DECIMALS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6)


def value(text: str) -> Fraction | None:
    number = parse_number(text)
    return None if number is None else number.value


@given(st.integers())
def test_integers_in_every_grouping(number: int) -> None:
    for text in (
        str(number),
        f"{number:,}",
        f"{number:,}".replace(",", "{,}"),
        f"{number:,}".replace(",", "\\,"),
        f"${number}$",
    ):
        assert value(text) == number


@given(DECIMALS)
def test_decimals_are_exact(number: object) -> None:
    assert value(f"{number:f}") == Fraction(str(number))
    assert value(f"{number:,f}") == Fraction(str(number))
    assert value(f"{number:e}") == Fraction(f"{number:e}")


@given(FRACTIONS, st.integers(1, 50))
def test_fractions_are_exact_and_need_not_be_reduced(number: Fraction, factor: int) -> None:
    above, below = number.numerator * factor, number.denominator * factor
    assert value(f"{above}/{below}") == number
    assert value(f"\\frac{{{above}}}{{{below}}}") == number
    assert value(f"\\dfrac{{{above}}}{{{below}}}") == number


@given(st.integers(0, 10**6), st.integers(0, 999), st.integers(1, 999), st.sampled_from(["", "-"]))
def test_mixed_numbers(whole: int, above: int, below: int, sign: str) -> None:
    expected = (-1 if sign else 1) * (whole + Fraction(above, below))
    assert value(f"{sign}{whole} {above}/{below}") == expected
    assert value(f"{sign}{whole}\\frac{{{above}}}{{{below}}}") == expected


@given(FRACTIONS)
def test_the_canonical_text_is_the_value(number: Fraction) -> None:
    assert value(canonical(number)) == number


@given(FRACTIONS, FRACTIONS)
def test_equality_is_that_of_the_values(a: Fraction, b: Fraction) -> None:
    first, second = parse_number(canonical(a)), parse_number(canonical(b))
    assert first is not None
    assert second is not None
    assert first.equals(second) is (a == b)
    assert first.equals(first)


@given(st.text(max_size=60))
@example("\\frac{1}{0}")
@example("\\boxed{")
@example("1e999999999999")
def test_any_text_is_a_number_or_none(text: str) -> None:
    for read in (parse_number, sole_number):
        number = read(text)
        assert number is None or isinstance(number.value, Fraction)


@given(st.text(alphabet="0123456789.,-+/%$eE \\{}frac", max_size=40))
def test_number_like_text_never_fails(text: str) -> None:
    parse_number(text)
    sole_number(text)


@pytest.mark.parametrize("text", ["9" * (MAX_DIGITS + 1), "1e4001", "1e-4001", "9" * 3000 + "e3000", "1e" + "9" * 100])
def test_hostile_sizes_are_no_numbers(text: str) -> None:
    assert parse_number(text) is None


def test_the_largest_numbers_have_a_canonical_text() -> None:
    for text in (
        "9" * MAX_DIGITS,
        "9" * 1000 + "e2999",
        "1e-3990",
        "9" * 1990 + "/" + "7" * 1990,
        "9" * 3900 + " trillion",
    ):
        number = parse_number(text)
        assert number is not None
        assert value(canonical(number.readings()[0])) in (number.value, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9 * 2 = 18", 18),
        ("Janet makes 18 dollars", 18),
        ("1/3 + 1/6 = 1/2 ≈ 0.5", Fraction(1, 2)),
        ("7 or 8", None),
        ("x = 1, y = 2", None),
        ("f(3)", None),
        ("3 < 4", None),
        ("not 18", None),
        ("x 3", None),
        ("no number", None),
    ],
)
def test_the_number_a_phrase_comes_down_to(text: str, expected: Fraction | None) -> None:
    number = sole_number(text)
    assert (None if number is None else number.value) == expected


@pytest.mark.parametrize("text", ["1٨", "٣", "5²", "x₂", "①", "Ⅳ", "一"])
def test_digits_that_are_no_ascii_digits_are_never_read_as_such(text: str) -> None:
    assert parse_number(text) is None
