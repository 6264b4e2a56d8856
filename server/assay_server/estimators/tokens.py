"""Token ids of many responses in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_Ids = npt.NDArray[np.int64]
_Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of all members one after another, and how many each has."""

    flat: _Ids
    counts: _Places

    def of(self, members: Sequence[int]) -> Tokens:
        """Those of some members, in that order."""
        chosen = np.asarray(members, np.intp)
        if len(chosen) == len(self.counts) and bool((chosen == np.arange(len(chosen))).all()):
            return self
        counts = self.counts[chosen]
        starts = np.cumsum(self.counts) - self.counts
        place = np.arange(int(counts.sum())) + np.repeat(starts[chosen] - (np.cumsum(counts) - counts), counts)
        return Tokens(self.flat[place], counts)

    def parts(self) -> list[_Ids]:
        """One array per member."""
        bounds: list[int] = np.concatenate([np.zeros(1, np.intp), np.cumsum(self.counts)]).tolist()
        return [self.flat[start:end] for start, end in pairwise(bounds)]
