"""Text-similarity groups: greedy, first fit against the first member of each group.

Two modes with two ratios, because they answer two needs:

* sorted (the default): distinct texts in sorted order, so that arrival cannot change a group. The ratio is
  ``2 L / (len a + len b)`` with L the longest common subsequence: symmetric, and never below difflib's.
* arrival (parity with released code): rows in (rollout, step) order. The ratio is difflib's ``2 M / (len a + len b)``
  of (row, first member), which is not symmetric.

A text joins the first group whose first member reaches ``ratio >= threshold``. Identical texts are one text: a later
copy would meet the same groups in the same order. The worst case, all texts far apart, is quadratic in the number of
distinct texts; the sorted mode discards nearly all pairs by counting characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Indel

_BUCKETS = 16
_BLOCK = 256
_ROUNDING = 1e-9


def first_fit_sorted(texts: Sequence[str], threshold: float) -> list[int]:
    """For each of the distinct ``texts`` the position of its group's first member."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    ranked = [texts[place] for place in order]
    counts, lengths = _character_counts(ranked)
    firsts = np.empty(0, np.intp)
    leader = list(range(len(ranked)))
    for start in range(0, len(ranked), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(ranked)))
        columns = np.concatenate([firsts, block])
        near = _may_be_near(counts, lengths, block, columns, threshold)
        rows, places = np.nonzero(near)
        for row, column in zip((rows + start).tolist(), columns[places].tolist(), strict=True):
            if leader[row] == row and column < row and leader[column] == column:
                leader[row] = _joined(ranked, row, column, threshold)
        firsts = np.concatenate([firsts, [row for row in block.tolist() if leader[row] == row]]).astype(np.intp)
    groups = [0] * len(ranked)
    for rank, place in enumerate(order):
        groups[place] = order[leader[rank]]
    return groups


def first_fit_arrival(texts: Sequence[str], threshold: float) -> list[int]:
    """The same for distinct ``texts`` in order of arrival, with difflib's ratio."""
    groups: list[int] = []
    matchers: list[tuple[int, SequenceMatcher[str]]] = []
    for place, text in enumerate(texts):
        first = next((first for first, matcher in matchers if _reaches(matcher, text, threshold)), place)
        if first == place:
            matchers.append((place, SequenceMatcher(None, "", text)))
        groups.append(first)
    return groups


def _reaches(matcher: SequenceMatcher[str], text: str, threshold: float) -> bool:
    matcher.set_seq1(text)
    return (
        matcher.real_quick_ratio() >= threshold and matcher.quick_ratio() >= threshold and matcher.ratio() >= threshold
    )


def _joined(ranked: Sequence[str], row: int, column: int, threshold: float) -> int:
    a, b = ranked[row], ranked[column]
    allowed = _allowed(len(a) + len(b), threshold)
    return column if Indel.distance(a, b, score_cutoff=allowed) <= allowed else row


def _allowed(total: int, threshold: float) -> int:
    """Insertions and deletions that keep the ratio at or above the threshold."""
    return int((1.0 - threshold) * total + _ROUNDING)


def _character_counts(texts: Sequence[str]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Texts x buckets: how many characters fall into each bucket of code points."""
    lengths = np.array([len(text) for text in texts], np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    owner = np.repeat(np.arange(len(texts)) * _BUCKETS, lengths)
    counts = np.bincount(owner + codes % _BUCKETS, minlength=len(texts) * _BUCKETS)
    clipped = np.minimum(counts, np.iinfo(np.int16).max // _BUCKETS).astype(np.int16)
    return clipped.reshape(len(texts), _BUCKETS), lengths


def _may_be_near(
    counts: npt.NDArray[np.int16],
    lengths: npt.NDArray[np.int64],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    threshold: float,
) -> npt.NDArray[np.bool_]:
    """Rows x columns: false only where counting characters proves that the texts are too far apart."""
    total = lengths[rows][:, None] + lengths[columns][None, :]
    allowed = ((1.0 - threshold) * total + _ROUNDING).astype(np.int64)
    apart = np.zeros(total.shape, np.int16)
    difference = np.empty_like(apart)
    for bucket in range(_BUCKETS):
        np.subtract(counts[rows, bucket][:, None], counts[columns, bucket][None, :], out=difference)
        np.abs(difference, out=difference)
        apart += difference
    return apart <= allowed
