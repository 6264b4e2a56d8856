"""Named tuples, told from other subclasses of tuple and made without executing source text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from keyword import iskeyword
from operator import itemgetter
from typing import cast

_MOST_FIELDS = 1000


def field_names(value: object) -> tuple[str, ...] | None:
    """The fields of a named tuple; None for anything else, subclasses of named tuples included."""
    kind = type(value)
    if kind.__bases__ != (tuple,):
        return None
    fields = cast("object", kind.__dict__.get("_fields"))
    if type(fields) is not tuple or not _valid(cast("tuple[object, ...]", fields)):
        return None
    names = cast("tuple[str, ...]", fields)
    return names if tuple.__len__(cast("tuple[object, ...]", value)) == len(names) else None


def _valid(fields: Sequence[object]) -> bool:
    if len(fields) > _MOST_FIELDS:
        return False
    usable = all(type(name) is str and name.isidentifier() and not iskeyword(name) for name in fields)
    return usable and not any(cast("str", name).startswith("_") for name in fields) and len(set(fields)) == len(fields)


@lru_cache(maxsize=256)
def named_tuple_class(name: str, fields: tuple[str, ...]) -> type[tuple[object, ...]] | None:
    """A class like the one that ``collections.namedtuple`` makes; None where the names cannot be names."""
    if not name.isidentifier() or not _valid(fields):
        return None
    body: dict[str, object] = {field: property(itemgetter(place)) for place, field in enumerate(fields)}

    def as_dict(self: tuple[object, ...]) -> dict[str, object]:
        return dict(zip(fields, self, strict=True))

    def shown(self: tuple[object, ...]) -> str:
        return f"{name}({', '.join(f'{key}={value!r}' for key, value in as_dict(self).items())})"

    def replaced(self: tuple[object, ...], **changes: object) -> tuple[object, ...]:
        return made({**as_dict(self), **changes}.values())

    def new(cls: type[tuple[object, ...]], *values: object, **named: object) -> tuple[object, ...]:
        given = [*values, *(named.pop(field) for field in fields[len(values) :])]
        if named or len(given) != len(fields):
            raise TypeError(f"{name} takes the fields {', '.join(fields)}")
        return tuple.__new__(cls, given)

    kind = cast("type[tuple[object, ...]]", type(name, (tuple,), {
        **body, "__slots__": (), "_fields": fields, "_asdict": as_dict, "_replace": replaced, "__repr__": shown,
        "__new__": new,
    }))  # fmt: skip

    def made(values: object) -> tuple[object, ...]:
        return tuple.__new__(kind, cast("Sequence[object]", values))

    return kind
