"""What an estimator, a filter or a computation refuses, and why.

::

    MethodError
    ├── UnknownMethod       no such id; carries the nearest ids that exist
    │   ├── UnknownEstimator
    │   └── UnknownFilter
    ├── ParameterError      a parameter that is unknown, missing, of the wrong type or out of bounds
    ├── InputError          rollouts that the method cannot be computed on
    └── DataLoss            what was to be reproduced came out differently
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LONGEST_ID = 128


class MethodError(Exception):
    """The root of everything that estimators, filters and computations raise on purpose."""


class UnknownMethod(MethodError):
    """Nothing has this id; ``nearest`` are the ids that look like it."""

    kind = "method"

    def __init__(self, id: str, known: Iterable[str]) -> None:
        ids = sorted(known)
        self.id = id[:_LONGEST_ID]
        self.nearest = nearest_names(self.id, ids)
        hint = f"did you mean {' or '.join(self.nearest)}?" if self.nearest else f"known: {', '.join(ids)}"
        super().__init__(f"unknown {self.kind} {self.id!r}; {hint}")


class UnknownEstimator(UnknownMethod):
    """No estimator has this id."""

    kind = "estimator"


class UnknownFilter(UnknownMethod):
    """No filter has this id."""

    kind = "filter"


class _FieldError(MethodError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class ParameterError(_FieldError):
    """A parameter cannot be used; ``field`` is its name."""


class InputError(_FieldError):
    """The rollouts cannot be used; ``field`` is a path such as ``groups[2].rollouts[0].reward``."""


class DataLoss(_FieldError):
    """What a replay should have reproduced differs; ``field`` is a path."""


def nearest_names(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three of ``known`` that look like ``name``, with or without its namespace."""
    tails = {candidate.partition("/")[2]: candidate for candidate in known}
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    by_tail = [tails[tail] for tail in get_close_matches(name.rpartition("/")[2], list(tails), n=3, cutoff=0.6)]
    return tuple(dict.fromkeys([*close, *by_tail]))[:3]
