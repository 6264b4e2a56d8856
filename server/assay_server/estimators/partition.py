"""Statistics of many classes at once: each is one pass over the concatenated values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay_server.estimators.groups import Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """Per class: size, mean and squares; per value: its deviation from its class's mean.

    Attributes:
        mean: exactly the common value where a class is flat.
        deviation: exactly 0 where a class is flat.
        flat: no two values of the class differ (R3); true for lone values and for empty classes.
    """

    size: npt.NDArray[np.intp]
    mean: Floats
    deviation: Floats
    sum_of_squares: Floats
    flat: npt.NDArray[np.bool_]

    @property
    def lone(self) -> npt.NDArray[np.bool_]:
        return self.size == 1

    def std(self, ddof: int) -> Floats:
        """Standard deviation per class; 0 where it is flat."""
        return np.sqrt(self.sum_of_squares / np.maximum(self.size - ddof, 1))

    def divisor(self, ddof: int, eps: float) -> Floats:
        """``std + eps`` per class; 1 where there is nothing to divide by (R2, R3)."""
        std = self.std(ddof)
        return np.where(std == 0.0, 1.0, std + eps)


class Partition:
    """A class number for every value of some sequence; classes may be empty and need not be contiguous."""

    __slots__ = ("count", "index", "size")

    def __init__(self, index: npt.NDArray[np.intp], count: int) -> None:
        self.index = index
        self.count = count
        self.size = np.bincount(index, minlength=count)

    @classmethod
    def single(cls, length: int) -> Partition:
        """All values in one class."""
        return cls(np.zeros(length, np.intp), 1)

    def sums(self, values: Floats) -> Floats:
        """Sum per class, added in the order of the values."""
        return np.bincount(self.index, weights=values, minlength=self.count).astype(np.float64, copy=False)

    def one_of_each(self, values: Floats) -> Floats:
        """Some value of each class; 0 for an empty one."""
        chosen = np.zeros(self.count)
        chosen[self.index] = values
        return chosen

    def moments(self, values: Floats) -> Moments:
        """Mean and deviations; corrected once, so that a large common offset costs no precision."""
        size = np.maximum(self.size, 1)
        chosen = self.one_of_each(values)
        differs = self.index[values != chosen[self.index]]
        flat = np.bincount(differs, minlength=self.count) == 0
        mean = self.sums(values) / size
        mean += self.sums(values - mean[self.index]) / size
        mean = np.where(flat, chosen, mean)
        deviation = values - mean[self.index]
        return Moments(self.size, mean, deviation, self.sums(deviation * deviation), flat)
