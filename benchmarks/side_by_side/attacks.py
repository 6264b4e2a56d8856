"""Programs under test that want to be believed though they are wrong, or to do what they have no business doing.

Everything happens inside a folder made for it and to processes of the benchmark's own.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIMIT = 3.0
TESTS = (
    "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(5) == 6\n    assert candidate(-1) == 0\n"
)
HONEST = "def f(x):\n    return x + 1\n"
WRONG = "def f(x):\n    return x\n"


@dataclass(frozen=True, slots=True)
class Place:
    """What the attacks of the second kind reach for."""

    folder: Path
    port: int

    @classmethod
    @contextmanager
    def made(cls) -> Generator[Place]:
        """A folder with a secret, and a port that somebody listens at."""
        with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listening:
            place = cls(Path(name), listening.getsockname()[1])
            place.folder.chmod(0o755)
            place.secret.write_text("a key of the host's", encoding="ascii")
            yield place

    @property
    def secret(self) -> Path:
        """A file that a program under test has no business with."""
        return self.folder / "secret"

    @property
    def mark(self) -> Path:
        """A file that is not there unless an attack made it."""
        return self.folder / "mark"

    def clean(self) -> None:
        """Without marks of earlier attacks."""
        self.mark.unlink(missing_ok=True)


def outlived(place: Place) -> bool:
    """Whether a process that was left behind has left its mark, once it has had the time to."""
    end = time.perf_counter() + 4
    while time.perf_counter() < end and not place.mark.exists():
        time.sleep(0.1)
    found = place.mark.exists()
    place.clean()
    return found


@dataclass(frozen=True, slots=True)
class Attack:
    """A program.

    Attributes:
        program: its text, given the place.
        holds_up: whether it wants to hold the runner beyond its limit.
        leaves: whether it did what it wanted, where the verdict does not tell.
    """

    name: str
    program: Callable[[Place], str]
    holds_up: bool = False
    leaves: Callable[[Place], bool] | None = None


EQUALS_EVERYTHING = """
class Any(BASE):
    def __eq__(self, other):
        return True
    __hash__ = object.__hash__
def f(x):
    return Any()
"""
THROUGH_THE_FRAME = """
import os, sys
def f(x):
    sys._getframe(1).f_globals["check"] = lambda candidate: None
    os._exit(0)
"""
FROM_THE_SOURCE = """
import re, sys
def f(x):
    text = open(sys.argv[0]).read()
    return int(re.search(r"candidate\\(%d\\) == (-?\\d+)" % x, text)[1])
"""
FROM_THE_CODE = """
import sys
def f(x):
    constants = [one for one in sys._getframe(1).f_code.co_consts if isinstance(one, int)]
    return x + 1 if x + 1 in constants else 0
"""
LEFT_BEHIND = """
import subprocess, sys
nothing = subprocess.DEVNULL
code = "import time; time.sleep(2); open(%r, 'w')" % MARK
subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing)
def f(x):
    return x + 1
"""
CHILD_KEEPS_OUTPUT = """
import subprocess, time
subprocess.Popen(["sleep", "12"])
time.sleep(60)
"""


def plain(text: str) -> Callable[[Place], str]:
    """A program; ``SECRET``, ``MARK`` and ``PORT`` are filled in."""
    return lambda place: filled(text, place)


def tries(code: str) -> Callable[[Place], str]:
    """A program that is right where some code raises nothing."""
    body = "".join(f"    {line}\n" for line in code.splitlines())
    ends = "    DONE = True\nexcept BaseException:\n    DONE = False\n"
    return plain(f"try:\n{body}{ends}def f(x):\n    return x + 1 if DONE else None\n")


def filled(text: str, place: Place) -> str:
    """With the place's names in it."""
    return (
        text.replace("SECRET", repr(str(place.secret)))
        .replace("MARK", repr(str(place.mark)))
        .replace("PORT", str(place.port))
    )


ATTACKS = (
    Attack("believed: ends the process with exit code 0", plain("import os\ndef f(x):\n    os._exit(0)\n")),
    Attack("believed: leaves with sys.exit(0) while imported", plain("import sys\nsys.exit(0)\n")),
    Attack(
        "believed: atexit turns a failure into exit code 0",
        plain("import atexit, os\natexit.register(os._exit, 0)\ndef f(x):\n    return 0\n"),
    ),
    Attack("believed: an answer that equals everything", plain(EQUALS_EVERYTHING.replace("BASE", "object"))),
    Attack("believed: a subclass of int that equals everything", plain(EQUALS_EVERYTHING.replace("BASE", "int"))),
    Attack("believed: replaces the test through the caller's frame", plain(THROUGH_THE_FRAME)),
    Attack("believed: reads the expected values from the tests' source", plain(FROM_THE_SOURCE)),
    Attack("believed: reads the expected values from the caller's code", plain(FROM_THE_CODE)),
    Attack("reads a file of the host's user", tries("open(SECRET).read()")),
    Attack("writes a file outside of its folder", tries("open(MARK, 'w').write('x')"), leaves=outlived),
    Attack(
        "connects to a port of the host",
        tries("import socket\nsocket.create_connection(('127.0.0.1', PORT), 2).close()"),
    ),
    Attack(
        "sees processes of the host",
        tries("import os\nassert len([p for p in os.listdir('/proc') if p.isdigit()]) > 20"),
    ),
    Attack(
        "reads the runner's environment",
        tries("import os\nassert 'PATH' in open('/proc/%d/environ' % os.getppid()).read()"),
    ),
    Attack("fills 1.5 GiB of memory", tries("assert len(b'x' * (3 << 29)) == 3 << 29")),
    Attack("leaves a process behind that acts after the verdict", plain(LEFT_BEHIND), leaves=outlived),
    Attack("holds the runner up: a child keeps its output open", plain(CHILD_KEEPS_OUTPUT), holds_up=True),
)
