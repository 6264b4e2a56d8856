"""An object of the candidate's, as the suite sees it.

Operations on it run in the candidate and return data. It never equals data, orders with none, and is neither true nor
false: what the candidate says about its own object cannot stand in for the value that a test asks for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NoReturn, Protocol, cast

from assay_sandbox.harness.operations import ARITHMETIC, CALL, NEXT

_LARGEST_BATCH = 64
_FORWARDED_NAMES = frozenset({"__name__", "__qualname__"})


class Asks(Protocol):
    """What a handle asks through."""

    def ask(self, operation: str, *operands: object, **named: object) -> object:
        """What the candidate answers."""
        ...


class Handle:
    """An object that stays on the candidate's side.

    Its own attributes have names that no program's have; all others are the object's.
    """

    __slots__ = ("_assay_generation", "_assay_key", "_assay_kind", "_assay_link", "_assay_name")
    __array_ufunc__ = None
    _assay_link: Asks
    _assay_generation: int
    _assay_key: int
    _assay_kind: str
    _assay_name: str

    def __init__(self, link: Asks, generation: int, key: int, kind: str, name: str) -> None:
        object.__setattr__(self, "_assay_link", link)
        object.__setattr__(self, "_assay_generation", generation)
        object.__setattr__(self, "_assay_key", key)
        object.__setattr__(self, "_assay_kind", kind)
        object.__setattr__(self, "_assay_name", name)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in _FORWARDED_NAMES:
            raise AttributeError(f"{name} of an object of the candidate's")
        return self._assay_link.ask("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._assay_link.ask("setattr", self, name, value)

    def __call__(self, *operands: object, **named: object) -> object:
        return self._assay_link.ask(CALL, self, *operands, **named)

    def __eq__(self, other: object) -> bool:
        return self._assay_compared("eq", other) if type(other) is Handle else False

    def __ne__(self, other: object) -> bool:
        return self._assay_compared("ne", other) if type(other) is Handle else True

    def __lt__(self, other: object) -> bool:
        return self._assay_ordered("lt", other)

    def __le__(self, other: object) -> bool:
        return self._assay_ordered("le", other)

    def __gt__(self, other: object) -> bool:
        return self._assay_ordered("gt", other)

    def __ge__(self, other: object) -> bool:
        return self._assay_ordered("ge", other)

    def _assay_ordered(self, operation: str, other: object) -> bool:
        if type(other) is not Handle:
            raise TypeError(f"{self!r} has no order with plain data")
        return self._assay_compared(operation, other)

    def _assay_compared(self, operation: str, other: object) -> bool:
        said = self._assay_link.ask(operation, self, other)
        if type(said) is not bool:
            raise TypeError(f"comparing {self!r} gave no bool")
        return said

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} is neither true nor false")

    def __len__(self) -> int:
        return cast("int", _exact(self._assay_link.ask("len", self), int))

    def __getitem__(self, key: object) -> object:
        return self._assay_link.ask("getitem", self, key)

    def __setitem__(self, key: object, value: object) -> None:
        self._assay_link.ask("setitem", self, key, value)

    def __delitem__(self, key: object) -> None:
        self._assay_link.ask("delitem", self, key)

    def __iter__(self) -> Iterator[object]:
        return _items(self._assay_link, self._assay_link.ask("iter", self))

    def __next__(self) -> object:
        for item in _batch(self._assay_link, self, 1)[0]:
            return item
        raise StopIteration

    def __str__(self) -> str:
        return cast("str", _exact(self._assay_link.ask("str", self), str))

    def __repr__(self) -> str:
        return f"<{self._assay_kind} of the candidate's>"

    def __instancecheck__(self, value: object) -> bool:
        if type(value) is not Handle:
            return False
        return cast("bool", _exact(self._assay_link.ask("isinstance", value, self), bool))

    def __enter__(self) -> object:
        return self._assay_link.ask("enter", self)

    def __exit__(self, *_: object) -> None:
        self._assay_link.ask("exit", self)

    def __await__(self) -> Generator[None, None, object]:
        yield
        return self._assay_link.ask("await", self)

    def _assay_computed(self, operation: str, other: object) -> object:
        if type(other) is not Handle:
            raise TypeError(f"{self!r} computes with no plain data")
        return self._assay_link.ask(operation, self, other)


def _arithmetic(operation: str) -> object:
    def compute(self: Handle, other: object) -> object:
        return self._assay_computed(operation, other)  # pyright: ignore[reportPrivateUsage] - a method made here

    return compute


for _operation in ARITHMETIC:
    setattr(Handle, f"__{_operation.rstrip('_')}__", _arithmetic(_operation))


def _exact(value: object, kind: type) -> object:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, the candidate answered {type(value).__name__}")
    return value


def _batch(link: Asks, iterator: object, most: int) -> tuple[list[object], bool]:
    said = link.ask(NEXT, iterator, most)
    if type(said) is not tuple or len(cast("tuple[object, ...]", said)) != 2:
        raise TypeError("the candidate gave no items")
    items, over = cast("tuple[object, object]", said)
    if type(items) is not list or len(cast("list[object]", items)) > most:
        raise TypeError("the candidate gave no items")
    return cast("list[object]", items), over is True or not items


def _items(link: Asks, iterator: object) -> Iterator[object]:
    most = 1
    while True:
        items, over = _batch(link, iterator, most)
        yield from items
        if over:
            return
        most = min(_LARGEST_BATCH, 2 * most)


def parts_of(value: object) -> tuple[Asks, int, int, str, str] | None:
    """Of a handle: through what it asks, which candidate's it is, its key, the object's type, the name it was found by.

    None for anything else.
    """
    if type(value) is not Handle:
        return None
    get = object.__getattribute__
    return cast(
        "tuple[Asks, int, int, str, str]",
        tuple(get(value, f"_assay_{part}") for part in ("link", "generation", "key", "kind", "name")),
    )
