"""The candidate's side: loads the program as the module ``solution``, then does what the suite asks for.

Nothing here is trusted: the program shares this process and may change all of it. It can answer whatever it likes, as
data; what the answers are worth is decided where they arrive.
"""

from __future__ import annotations

import builtins
import io
import linecache
import socket
import sys
import types
from collections.abc import Mapping
from typing import cast

from assay_sandbox.harness.decoding import decode
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.frames import (
    CALLBACK,
    CALLED,
    REPLY,
    REQUEST,
    Channel,
    ChannelClosed,
    requested,
)
from assay_sandbox.harness.operations import NAME, NEXT, OPERATIONS, Batches
from assay_sandbox.harness.plain import Caps, CodecError, Reference

MODULE = "solution"
_MOST_PRINTED = 1 << 20
_LONGEST_MESSAGE = 10_000


class SuiteFunction:
    """A function of the suite's, called over there."""

    def __init__(self, side: CandidateSide, key: int, name: str) -> None:
        self._side = side
        self.key = key
        self.__name__ = name

    def __call__(self, *operands: object, **named: object) -> object:
        return self._side.call_suite(self.key, operands, named)


class Printed(io.RawIOBase):
    """Keeps the first mebibyte of what is printed."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(cast("bytes", data)).cast("B")
        self._data += view[: max(0, _MOST_PRINTED - len(self._data))]
        return len(view)

    def taken(self) -> str:
        """What was printed since the last time."""
        text = self._data.decode("utf-8", "replace")
        self._data.clear()
        return text


class CandidateSide:
    """One loaded program and its conversation."""

    def __init__(self, channel: Channel, caps: Caps) -> None:
        self._channel = channel
        self._caps = caps
        self._objects: list[object] = []
        self._keys: dict[int, int] = {}
        self._batches = Batches()
        self._module = types.ModuleType(MODULE)
        self._printed = Printed()
        self._out = io.TextIOWrapper(io.BufferedWriter(self._printed), "utf-8", "replace", write_through=True)

    def load(self, source: str) -> None:
        """Run the program's module; the first reply tells how that went."""
        sys.stdout = self._out
        name = f"{MODULE}.py"
        self._module.__file__ = name
        sys.modules[MODULE] = self._module
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            exec(compile(source, name, "exec"), self._module.__dict__)  # noqa: S102 - this is what the sandbox is for
        except BaseException as error:  # noqa: BLE001 - SystemExit included: told, and judged elsewhere
            self._reply("x", self._told(error), None)
        else:
            self._reply("v", None, None)

    def serve(self) -> None:
        """Answer requests until the channel closes."""
        while True:
            letter, payload = self._channel.receive()
            if letter != REQUEST:
                raise ChannelClosed("expected a request")
            self._answer(payload)

    def call_suite(self, key: int, operands: tuple[object, ...], named: dict[str, object]) -> object:
        """Call a function of the suite's; serves what the suite asks for meanwhile."""
        self._channel.send(CALLBACK, encode((key, operands, named), self._caps, self._refer))
        while True:
            letter, payload = self._channel.receive()
            if letter == REQUEST:
                self._answer(payload)
                continue
            if letter != CALLED:
                raise ChannelClosed("expected the answer of a call")
            status, value, *_ = cast("tuple[str, object]", decode(payload, self._caps, self._resolve))
            if status == "v":
                return value
            name, message, _ = cast("tuple[str, str, object]", value)
            raise cast("type[Exception]", getattr(builtins, name, RuntimeError))(message)

    def _answer(self, payload: bytes) -> None:
        operation, encoded = requested(payload)
        operands, named = cast(
            "tuple[tuple[object, ...], dict[str, object]]", decode(encoded, self._caps, self._resolve)
        )
        try:
            value: object = self._operate(operation, operands, named)
            status = "v"
        except BaseException as error:  # noqa: BLE001 - SystemExit included: told, and judged elsewhere
            value, status = self._told(error), "x"
        try:
            after = encode((operands, named), self._caps, self._refer)
            changed = (operands, named) if after != encoded else None
            self._reply(status, value, changed)
        except CodecError as error:
            self._reply("f", str(error), None)

    def _operate(self, operation: str, operands: tuple[object, ...], named: dict[str, object]) -> object:
        if operation == NAME:
            return self._named(cast("str", operands[0]))
        if operation == NEXT:
            return self._batches.next(*operands)
        return OPERATIONS[operation](*operands, **named)

    def _named(self, name: str) -> object:
        names = cast("Mapping[str, object]", self._module.__dict__)
        if name == "__all__" and name not in names:
            return [public for public in names if not public.startswith("_")]
        if name not in names:
            raise NameError(f"name {name!r} is not defined")
        return names[name]

    def _reply(self, status: str, value: object, changed: object) -> None:
        self._out.flush()
        printed = self._printed.taken()
        self._channel.send(REPLY, encode((status, value, changed, printed), self._caps, self._refer))

    def _told(self, error: BaseException) -> tuple[str, str, list[int]]:
        """An exception as plain data: the nearest built-in class, the message, its known classes."""
        classes = [kind for kind in type(error).__mro__ if issubclass(kind, BaseException)]
        name = next(kind.__name__ for kind in classes if getattr(builtins, kind.__name__, None) is kind)
        keys = [self._keys[id(kind)] for kind in classes if id(kind) in self._keys]
        return name, _message(error), keys

    def _refer(self, value: object) -> Reference:
        if type(value) is SuiteFunction:
            return Reference("c", value.key, value.__name__)
        key = self._keys.setdefault(id(value), len(self._objects))
        if key == len(self._objects):
            self._objects.append(value)
        if isinstance(value, type) and issubclass(value, Exception):
            base = next(kind for kind in value.__mro__ if getattr(builtins, kind.__name__, None) is kind)
            return Reference("e", key, f"{value.__name__}:{base.__name__}")
        kind: type[object] = type(cast("object", value))
        return Reference("h", key, kind.__name__)

    def _resolve(self, reference: Reference) -> object:
        if reference.space == "c":
            return SuiteFunction(self, reference.key, reference.name)
        if reference.space == "b":
            return cast("Mapping[str, object]", vars(builtins))[reference.name]
        return self._objects[reference.key]


def _message(error: BaseException) -> str:
    if type(error) is KeyError and len(error.args) == 1 and type(error.args[0]) is str:
        return error.args[0][:_LONGEST_MESSAGE]
    try:
        return "".join((str(error),))[:_LONGEST_MESSAGE]
    except Exception as second:  # noqa: BLE001 - its __str__ is the program's
        return f"an exception without a message ({type(second).__name__})"


def serve(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: load the program in ``payload`` and talk over the first channel until it closes."""
    caps = Caps()
    side = CandidateSide(Channel(channels[0].fileno()), caps)
    try:
        side.load(payload.decode("utf-8", "surrogatepass"))
        side.serve()
    except ChannelClosed:
        return
