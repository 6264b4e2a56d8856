"""Similarity groups against the plainest possible greedy loops."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from assay_server.estimators.similarity import first_fit_arrival, first_fit_sorted


def common_subsequence(a: str, b: str) -> int:
    row = [0] * (len(b) + 1)
    for character in a:
        diagonal = 0
        for place, other in enumerate(b, start=1):
            diagonal, row[place] = row[place], diagonal + 1 if character == other else max(row[place], row[place - 1])
    return row[-1]


def subsequence_ratio(a: str, b: str) -> float:
    return 2 * common_subsequence(a, b) / (len(a) + len(b))


def difflib_ratio(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def greedy(texts: Sequence[str], threshold: float, ratio: Callable[[str, str], float]) -> list[str]:
    firsts: list[str] = []
    joined: list[str] = []
    for text in texts:
        first = next((first for first in firsts if text == first or ratio(text, first) >= threshold - 1e-12), text)
        if first == text:
            firsts.append(text)
        joined.append(first)
    return joined


letters = st.text(st.sampled_from("abé "), max_size=12)
distinct_texts = st.lists(letters, max_size=12, unique=True)
thresholds = st.sampled_from([0.3, 0.5, 0.75, 0.8, 0.95])


@settings(max_examples=150)
@given(distinct_texts, thresholds)
def test_sorted_mode_is_the_plain_greedy_loop(texts: list[str], threshold: float) -> None:
    expected = dict(zip(sorted(texts), greedy(sorted(texts), threshold, subsequence_ratio), strict=True))

    firsts = first_fit_sorted(texts, threshold)

    assert [texts[first] for first in firsts] == [expected[text] for text in texts]


@settings(max_examples=150)
@given(distinct_texts, thresholds)
def test_arrival_mode_is_the_plain_greedy_loop_of_released_code(texts: list[str], threshold: float) -> None:
    firsts = first_fit_arrival(texts, threshold)

    assert [texts[first] for first in firsts] == greedy(texts, threshold, difflib_ratio)


def edited(generator: random.Random, text: str, edits: int) -> str:
    characters = list(text)
    for _ in range(edits):
        place = generator.randrange(len(characters))
        characters[place : place + generator.randint(0, 1)] = generator.choice("abcdefgh é€")
    return "".join(characters)


@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz ", "ab", "aé€漢字", "e" * 20 + "abc"])
def test_counting_characters_never_discards_a_near_text(alphabet: str) -> None:
    """Across several blocks of texts, near the threshold, and with very uneven lengths."""
    generator = random.Random(alphabet)
    roots = ["".join(generator.choices(alphabet, k=generator.choice([20, 60, 61, 200]))) for _ in range(25)]
    texts = list({edited(generator, generator.choice(roots), generator.randint(0, 9)) for _ in range(400)})
    expected = dict(zip(sorted(texts), greedy(sorted(texts), 0.9, Indel.normalized_similarity), strict=True))

    firsts = first_fit_sorted(texts, 0.9)

    assert [texts[first] for first in firsts] == [expected[text] for text in texts]


def test_two_orders_give_two_groupings_in_arrival_mode_and_one_in_sorted_mode() -> None:
    chain = ["aaaaaaaa", "aaaaaaab", "aaaaaabb"]

    def sizes(first_fit: Callable[[Sequence[str], float], list[int]], texts: list[str]) -> list[tuple[str, ...]]:
        firsts = first_fit(texts, 0.8)
        owned = list(zip(texts, firsts, strict=True))
        return sorted(tuple(sorted(text for text, own in owned if own == first)) for first in set(firsts))

    middle_first = [chain[1], chain[0], chain[2]]
    assert sizes(first_fit_arrival, chain) != sizes(first_fit_arrival, middle_first)
    assert sizes(first_fit_sorted, chain) == sizes(first_fit_sorted, middle_first)


def test_the_ratio_of_released_code_is_not_symmetric() -> None:
    one, other = "tide", "diet"
    assert difflib_ratio(one, other) != difflib_ratio(other, one)
    threshold = (difflib_ratio(one, other) + difflib_ratio(other, one)) / 2

    assert (first_fit_arrival([one, other], threshold) == [0, 0]) == (difflib_ratio(other, one) >= threshold)
    assert (first_fit_arrival([other, one], threshold) == [0, 0]) == (difflib_ratio(one, other) >= threshold)


def test_nothing_and_the_empty_text() -> None:
    assert first_fit_sorted([], 0.9) == first_fit_arrival([], 0.9) == []
    assert first_fit_sorted(["", "a"], 0.9) == first_fit_arrival(["", "a"], 0.9) == [0, 1]
