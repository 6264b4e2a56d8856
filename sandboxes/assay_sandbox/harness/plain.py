"""What crosses between sandboxes: plain Python values, and references to objects that stay where they are.

A value is a tag byte and what belongs to it; lengths are variable-length. Exact types only: an object of any other
type, a subclass included, is a reference, about which the two sides agree by themselves.

============ ======================================================================================================
numbers      None, bool, int, float (nan and inf too), complex, Decimal, Fraction
text, bytes  str (lone surrogates too), bytes
containers   list, tuple, set, frozenset, dict, deque, Counter, defaultdict, OrderedDict, range, namedtuple
time         datetime, date, time, timedelta, with no zone or one of a fixed offset
arrays       ndarray and scalars of numpy, of numbers, booleans, text and times; never of objects
============ ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class CodecError(Exception):
    """A value, or bytes, that break a cap or are no value."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a message may hold.

    Attributes:
        bytes: of the whole message.
        depth: of containers in containers.
        items: values in all, those in containers included.
        digits: decimal digits of a whole number, and the largest exponent of a Decimal.
    """

    bytes: int = 16 << 20
    depth: int = 100
    items: int = 1_000_000
    digits: int = 100_000

    @property
    def bits(self) -> int:
        """Bits of a whole number."""
        return int(self.digits * _BITS_PER_DIGIT)


_BITS_PER_DIGIT = 3.3219281


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that stays where it is.

    Attributes:
        space: whose table names it: ``h`` the candidate's objects, ``e`` its classes of exceptions, ``c`` the suite's
            functions, ``b`` Python's builtins.
        key: its number in that table, or -1.
        name: what kind of object it is, or which builtin; of an exception's class its name, a colon, and the built-in
            class that it derives from.
    """

    space: str
    key: int
    name: str


Refer = Callable[[object], Reference]
"""Names an object that is no plain value. Raises CodecError where that side sends none such."""

Resolve = Callable[[Reference], object]
"""What stands for a reference that came in. Raises CodecError where it names nothing."""

FACTORIES: dict[str, type] = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict, set)}
"""The default factories that cross with a defaultdict; with any other one it arrives without."""

ARRAY_KINDS = "biufcSUMm"
"""Kinds of numpy's dtypes that are data."""


def no_reference(value: object) -> Reference:
    """The :data:`Refer` of a side that sends plain values only."""
    raise CodecError(f"{type(value).__name__[:100]} is not plain data")


def nothing_named(reference: Reference) -> object:
    """The :data:`Resolve` of a side that takes plain values only."""
    raise CodecError(f"an object of type {reference.name[:100]} is not plain data")
