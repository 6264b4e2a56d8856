"""An interpreter that is told Python code piece by piece and keeps what it made: the names of one piece are there in
the next. What a piece prints, the value of its last expression and its exception are the answer.

Nothing here is trusted: the code shares this process and may answer whatever it likes, in its own name.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import random
import re
import socket
import sys
import traceback
import types

from assay_sandbox.harness.frames import Channel, ChannelClosed

CODE = b"C"
"""To the interpreter: a piece of code."""
SAID = b"S"
"""From it: ``{"output": ..., "error": ...}`` in JSON."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_MOST_FRAMES = 8


class _Capped(io.TextIOBase):
    """Keeps the first characters of what is written."""

    def __init__(self, kept: int) -> None:
        self._left = kept
        self._parts: list[str] = []
        self._cut = False

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if self._left:
            self._parts.append(text[: self._left])
        self._cut = self._cut or len(text) > self._left
        self._left = max(0, self._left - len(text))
        return len(text)

    def text(self) -> str:
        return "".join(self._parts) + ("\n... cut" if self._cut else "")


class Interpreter:
    """One namespace. Of exceptions, frames of this file and of ``hidden`` ones are not shown."""

    def __init__(self, kept_characters: int, hidden: tuple[str, ...] = ()) -> None:
        self._kept = kept_characters
        self._hidden = (__file__, *hidden)
        self._module = types.ModuleType("__main__")
        self._pieces = 0
        sys.modules["__main__"] = self._module

    def run(self, code: str) -> dict[str, str]:
        """Run a piece; what it printed, with the value of its last expression, and its exception."""
        self._pieces += 1
        name = f"<call {self._pieces}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        out, error = _Capped(self._kept), ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                value = self._value(code, name)
                if value is not None:
                    print(repr(value))  # noqa: T201 - as an interpreter shows it
            except BaseException as raised:  # noqa: BLE001 - SystemExit and KeyboardInterrupt included: they are told
                error = self._told(raised)
        return {"output": _ADDRESS.sub("0x...", out.text()), "error": _ADDRESS.sub("0x...", error)}

    def _value(self, code: str, name: str) -> object:
        """Run it; the value of the last statement, where that is an expression."""
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self._module.__dict__)  # noqa: S102 - this is what the sandbox is for
        if not isinstance(last, ast.Expr):
            return None
        return eval(compile(ast.Expression(last.value), name, "eval"), self._module.__dict__)  # noqa: S307 - as above

    def _told(self, raised: BaseException) -> str:
        """The exception as Python prints it, without the frames that are hidden."""
        try:
            told = traceback.TracebackException.from_exception(raised, limit=-_MOST_FRAMES, compact=True)
            kept = [frame for frame in told.stack if frame.filename not in self._hidden]
            told.stack = traceback.StackSummary.from_list(kept)
            text = "".join(told.format())
        except BaseException as second:  # noqa: BLE001 - its __str__ is the code's
            text = f"{type(raised).__name__}, which cannot be shown ({type(second).__name__})"
        return text if len(text) <= self._kept else f"{text[: self._kept]}\n... cut"


def serve(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: run the pieces that come over the first channel until it closes."""
    settings = json.loads(payload)
    random.seed(settings["seed"])
    sys.stdin = io.StringIO()
    sys.path.insert(0, "")
    channel = Channel(channels[0].fileno())
    interpreter = Interpreter(settings["keptCharacters"])
    try:
        while True:
            _, code = channel.receive()
            said = interpreter.run(code.decode("utf-8", "surrogatepass"))
            channel.send(SAID, json.dumps(said).encode())
    except ChannelClosed:
        return
