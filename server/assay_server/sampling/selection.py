"""Pure selections: what is kept, and why the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError


@dataclass(frozen=True, slots=True)
class Selection:
    """Positions that are kept, in ascending order, and the reason for each of the others."""

    kept: tuple[int, ...]
    dropped: dict[int, str]


def select_by_magnitude(advantages: Sequence[float], *, threshold: float = 0.01, multiple_of: int = 1) -> Selection:
    """``select/abs_advantage``: keep ``|A| >= threshold``, then a multiple of ``multiple_of``.

    To reach the multiple the smallest ``|A|`` go first, of equal ones the later. NaN (no advantage) is never kept.
    Reasons: ``no_advantage``, ``below_threshold``, ``remainder``. Source: LOOP, IterResearch.

    Raises:
        ParameterError: a negative threshold, a multiple below 1.
        InputError: an infinite advantage.
    """
    require(threshold >= 0.0, "threshold", "a number >= 0", threshold)
    require(multiple_of >= 1, "multiple_of", "an integer >= 1", multiple_of)
    magnitude = np.abs(np.asarray(advantages, np.float64))
    infinite = np.flatnonzero(np.isinf(magnitude))
    if len(infinite):
        raise InputError(f"advantages[{infinite[0]}]", "expected a finite number")
    dropped = {
        place: "no_advantage" if np.isnan(value) else "below_threshold"
        for place, value in enumerate(magnitude.tolist())
        if not value >= threshold
    }
    kept = [place for place in range(len(magnitude)) if place not in dropped]
    surplus = len(kept) % multiple_of
    if surplus:
        smallest_first = sorted(kept, key=lambda place: (magnitude[place], -place))
        dropped.update(dict.fromkeys(smallest_first[:surplus], "remainder"))
        kept = sorted(smallest_first[surplus:])
    return Selection(tuple(kept), dropped)
