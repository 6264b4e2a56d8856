"""What a suite may do with an object of the candidate's; all of it runs on the candidate's side."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import cast

CALL = "call"
NAME = "name"
NEXT = "next"

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
"""Between two objects of the candidate's; never with plain data."""

ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")
"""Between two objects of the candidate's."""

_Operation = Callable[..., object]


def _length(value: object) -> int:
    return operator.index(len(cast("list[object]", value)))


def _enter(value: object) -> object:
    return cast("AbstractContextManager[object]", value).__enter__()


def _exit(value: object) -> None:
    cast("AbstractContextManager[object]", value).__exit__(None, None, None)


def _text(value: object) -> str:
    return "".join((str(value),))


def _shown(value: object) -> str:
    return "".join((repr(value),))


def _is_instance(value: object, kind: object) -> bool:
    return isinstance(value, cast("type", kind))


def _awaited(value: object) -> object:
    import asyncio  # costs much, and few programs have coroutines

    async def wait() -> object:
        return await cast("Awaitable[object]", value)

    return asyncio.run(cast("Coroutine[object, object, object]", wait()))


def _called(function: object, *operands: object, **named: object) -> object:
    return cast("Callable[..., object]", function)(*operands, **named)


OPERATIONS: Mapping[str, _Operation] = {
    CALL: _called,
    "getattr": getattr,
    "setattr": setattr,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "iter": iter,
    "len": _length,
    "repr": _shown,
    "str": _text,
    "isinstance": _is_instance,
    "enter": _enter,
    "exit": _exit,
    "await": _awaited,
    **{name: getattr(operator, name) for name in (*COMPARISONS, *ARITHMETIC)},
}


class Batches:
    """Items of iterators, several at a time; an exception comes after the items before it."""

    def __init__(self) -> None:
        self._failures: dict[int, BaseException] = {}

    def next(self, items: object, most: object) -> tuple[list[object], bool]:
        """Up to ``most`` items, and whether there are no more."""
        failure = self._failures.pop(id(items), None)
        if failure is not None:
            raise failure
        taken: list[object] = []
        iterator = cast("Iterator[object]", items)
        try:
            while len(taken) < cast("int", most):
                taken.append(next(iterator))
        except StopIteration:
            return taken, True
        except BaseException as error:
            if not taken:
                raise
            self._failures[id(items)] = error
        return taken, False
