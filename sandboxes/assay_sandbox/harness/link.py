"""The suite's side of a conversation with a candidate."""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Callable
from typing import cast

from assay_sandbox.harness.copyback import copy_back
from assay_sandbox.harness.decoding import decode
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.frames import CALLBACK, CALLED, REPLY, REQUEST, Channel, ChannelClosed, request
from assay_sandbox.harness.handles import Handle, parts_of
from assay_sandbox.harness.operations import NAME
from assay_sandbox.harness.plain import Caps, CodecError, Reference

ENDINGS = ("it ended", "it has ended already")
"""What is said of a candidate that is not there; the supervisor knows why."""

_MOST_CALLS = 1_000_000
_LONGEST_MESSAGE = 10_000
_REPLY_PARTS = 4
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, type)


class CandidateLost(BaseException):
    """The candidate is gone, or broke a cap. No test in which this was raised passes, whoever catches it."""


class Link:
    """What handles ask through. One candidate after the other; each is a *generation*.

    Attributes:
        fault: why the test under way cannot pass; empty where nothing is against it.
    """

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._channel: Channel | None = None
        self._generation = 0
        self._handles: dict[int, Handle] = {}
        self._exceptions: dict[int, type[Exception]] = {}
        self._stand_ins: dict[str, type[Exception]] = {}
        self._exception_names: set[str] = set()
        self._functions: list[Callable[..., object]] = []
        self._calls = 0
        self.fault = ""

    @property
    def lost(self) -> bool:
        """Whether there is no candidate to talk to."""
        return self._channel is None

    def attach(self, descriptor: int) -> None:
        """Talk to another candidate; waits until its program is loaded.

        Raises:
            CandidateLost: it ended, or broke a cap. Exception, SystemExit: what its program raised.
        """
        self.close()
        self._generation += 1
        self._channel = Channel(descriptor)
        self._handles.clear()
        self._exceptions.clear()
        self._calls = 0
        self._reply()
        for name in sorted(self._exception_names):
            self.ask(NAME, name)

    def close(self) -> None:
        """Talk to nobody any more."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def begin(self) -> None:
        """A test begins: nothing is against it."""
        self.fault = ""
        self._calls = 0

    def named(self, name: str) -> object:
        """What the candidate's module calls by this name. Raises NameError, and as :meth:`ask`."""
        value = self.ask(NAME, name)
        if isinstance(value, type) and value in self._stand_ins.values():
            self._exception_names.add(name)
        parts = parts_of(value)
        return value if parts is None else Handle(self, *parts[1:4], name)

    def ask(self, operation: str, *operands: object, **named: object) -> object:
        """What the candidate answers.

        Raises:
            CandidateLost: it ended, or broke a cap. Exception, SystemExit: what the operation raised over there, as the
                nearest built-in class. TypeError: an operand is neither plain data, nor the candidate's, nor a
                function.
        """
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise self._lose(f"more than {_MOST_CALLS} calls")
        try:
            payload = encode((operands, named), self._caps, self._refer)
        except CodecError as error:
            raise TypeError(f"the suite cannot send this: {error}") from error
        self._send(REQUEST, request(operation, payload))
        value, after = self._reply()
        if after is not None:
            copy_back(operands, named, after)
        return value

    def _reply(self) -> tuple[object, object]:
        letter, payload = self._receive()
        while letter == CALLBACK:
            self._send(CALLED, self._called(self._decoded(payload)))
            letter, payload = self._receive()
        parts = self._decoded(payload)
        if letter != REPLY or type(parts) is not tuple or len(cast("tuple[object, ...]", parts)) != _REPLY_PARTS:
            raise self._lose("it broke the protocol")
        status, value, changed, printed = cast("tuple[object, object, object, object]", parts)
        if type(printed) is str and printed:
            sys.stdout.write(printed)
        if status == "x":
            raise self._exception(value)
        if status != "v":
            self.fault = f"it broke a limit: {value if type(value) is str else ''}"[:500]
            raise CandidateLost(self.fault)
        return value, changed

    def _receive(self) -> tuple[bytes, bytes]:
        if self._channel is None:
            raise self._lose(ENDINGS[1])
        try:
            return self._channel.receive()
        except ChannelClosed:
            raise self._lose(ENDINGS[0]) from None

    def _send(self, letter: bytes, payload: bytes) -> None:
        if self._channel is None:
            raise self._lose(ENDINGS[1])
        try:
            self._channel.send(letter, payload)
        except ChannelClosed:
            raise self._lose(ENDINGS[0]) from None

    def _decoded(self, payload: bytes) -> object:
        try:
            return decode(payload, self._caps, self._resolve)
        except CodecError as error:
            raise self._lose(f"it broke a limit: {error}") from None

    def _lose(self, why: str) -> CandidateLost:
        self.close()
        self.fault = self.fault or why
        return CandidateLost(why)

    # ------------------------------------------------------------ exceptions

    def _exception(self, told: object) -> BaseException:
        """The exception that a candidate tells of: a built-in class, or a stand-in for one of its own."""
        try:
            name, message, keys = cast("tuple[object, object, object]", told)
            known = [key for key in cast("list[object]", keys) if type(key) is int and key in self._exceptions]
        except (TypeError, ValueError):
            return self._lose("it broke the protocol")
        if type(name) is not str or type(message) is not str:
            return self._lose("it broke the protocol")
        kind = self._exceptions[known[0]] if known else _builtin_exception(name)
        try:
            return kind(message if kind.__name__ == name or known else f"{name[:100]}: {message}")
        except TypeError:
            return RuntimeError(f"{name[:100]}: {message}")

    def _exception_class(self, reference: Reference) -> type[Exception]:
        """The stand-in for a class of the candidate's; the next candidate's of that name has the same."""
        kind = self._exceptions.get(reference.key)
        if kind is None:
            kind = self._stand_ins.get(reference.name)
            if kind is None:
                name, _, base = reference.name.rpartition(":")
                kind = cast("type[Exception]", type(name[:100], (_builtin_exception(base),), {}))
                self._stand_ins[reference.name] = kind
            self._exceptions[reference.key] = kind
        return kind

    # ------------------------------------------------------------ functions of the suite's

    def _called(self, call: object) -> bytes:
        """What a function of the suite's returns or raises, as a reply."""
        try:
            key, operands, named = cast("tuple[int, tuple[object, ...], dict[str, object]]", call)
            function = self._functions[key]
        except (TypeError, ValueError, IndexError):
            raise self._lose("it broke the protocol") from None
        try:
            return encode(("v", function(*operands, **named), None, ""), self._caps, self._refer)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told to the caller
            name = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
            return encode(("x", (name, str(error)[:_LONGEST_MESSAGE], ()), None, ""), self._caps)

    # ------------------------------------------------------------ references

    def _refer(self, value: object) -> Reference:
        parts = parts_of(value)
        if parts is not None:
            return self._own(*parts)
        mine = next((key for key, kind in self._exceptions.items() if cast("object", kind) is value), None)
        if mine is not None:
            return Reference("e", mine, "")
        if not isinstance(value, _FUNCTIONS):
            raise CodecError(f"{type(value).__name__} is not plain data")
        return self._function(cast("Callable[..., object]", value))

    def _function(self, value: Callable[..., object]) -> Reference:
        name = str(getattr(value, "__name__", "function"))
        if vars(builtins).get(name) is value:
            return Reference("b", -1, name)
        if value not in self._functions:
            self._functions.append(value)
        return Reference("c", self._functions.index(value), name)

    def _own(self, link: object, generation: int, key: int, kind: str, name: str) -> Reference:
        """The reference of an object of the candidate's; one of an earlier candidate is found again by its name."""
        if link is not self or (generation != self._generation and not name):
            raise CodecError("an object of a candidate that has ended")
        if generation == self._generation:
            return Reference("h", key, kind)
        again = parts_of(self.ask(NAME, name))
        if again is None:
            raise CodecError("an object of a candidate that has ended")
        return Reference("h", again[2], again[3])

    def _resolve(self, reference: Reference) -> object:
        if reference.space == "c" and 0 <= reference.key < len(self._functions):
            return self._functions[reference.key]
        if reference.space == "e":
            return self._exception_class(reference)
        if reference.space != "h":
            raise CodecError("a reference to nothing")
        handle = self._handles.get(reference.key)
        if handle is None:
            handle = Handle(self, self._generation, reference.key, reference.name, "")
            self._handles[reference.key] = handle
        return handle


def _builtin_exception(name: str) -> type[Exception | SystemExit]:
    """The class of this name, but none that would end a loop or a generator of the suite's as if all were well."""
    kind = vars(builtins).get(name)
    if isinstance(kind, type) and issubclass(kind, Exception | SystemExit) and not issubclass(kind, _ENDS_OF_LOOPS):
        return kind
    return RuntimeError
