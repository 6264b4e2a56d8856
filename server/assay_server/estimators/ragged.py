"""Arrays of different lengths one after another, each a view of one flat array."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay.sdk.values import holder

_Floats = npt.NDArray[np.float64]


@holder
class Ragged:
    """Part ``i`` is ``values[bounds[i]:bounds[i + 1]]``."""

    values: _Floats
    bounds: npt.NDArray[np.intp]

    @classmethod
    def of(cls, values: _Floats, counts: npt.NDArray[np.intp]) -> Ragged:
        """Parts of these lengths."""
        return cls(values, np.concatenate([np.zeros(1, np.intp), np.cumsum(counts)]))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self) -> Iterator[_Floats]:
        bounds: list[int] = self.bounds.tolist()
        return (self.values[start:end] for start, end in pairwise(bounds))

    def parts(self, start: int, end: int) -> Ragged:
        """The parts from ``start`` to before ``end``."""
        return Ragged(self.values, self.bounds[start : end + 1])

    def as_json(self) -> list[Json]:
        """The same as lists."""
        flat: list[Json] = self.values.tolist()
        bounds: list[int] = self.bounds.tolist()
        return [flat[start:end] for start, end in pairwise(bounds)]
