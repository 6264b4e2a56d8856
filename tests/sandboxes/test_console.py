"""Interpreters that keep what they were told, on plain subprocesses."""

from __future__ import annotations

import pytest

from assay_sandbox.console import Console, ConsoleSettings, Said
from assay_sandbox.protocol import Limits
from tests.sandboxes.plain_backend import PlainBackend
from tests.sandboxes.programs import FIND_CHANNEL

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = ConsoleSettings(Limits(cpu_ms=20_000, wall_ms=60_000), kept_characters=500)


async def told(backend: PlainBackend, *codes: str, settings: ConsoleSettings = SETTINGS) -> list[Said]:
    console = await Console.opened(backend, settings)
    try:
        return [await console.run(code) for code in codes]
    finally:
        await console.close()


async def test_names_are_kept_and_the_last_expression_is_shown(backend: PlainBackend) -> None:
    said = await told(
        backend, "x = 20\ndef f(): return x", "x += 1\nprint('here')\nf() * 2", "None", "__name__", "import os; 'é'"
    )
    assert said == [Said(), Said("here\n42\n"), Said(), Said("'__main__'\n"), Said("'é'\n")]


async def test_exceptions_are_told_with_their_lines_and_end_nothing(backend: PlainBackend) -> None:
    said = await told(backend, "x = 1", "def f():\n    return y + 1\nf()", "def", "raise SystemExit(3)", "x")
    assert said[1].error.startswith(
        'Traceback (most recent call last):\n  File "<call 2>", line 3, in <module>\n    f()'
    )
    assert "console.py" not in said[1].error
    assert said[1].error.endswith("NameError: name 'y' is not defined\n")
    assert "SyntaxError" in said[2].error
    assert "SystemExit: 3" in said[3].error
    assert said[4].output == "1\n"


async def test_random_numbers_and_addresses_are_the_same_each_time(backend: PlainBackend) -> None:
    codes = "import random; random.random()", "object()"
    first, second = await told(backend, *codes), await told(backend, *codes)
    assert first == second
    assert "0x..." in first[1].output


@pytest.mark.parametrize(
    "code",
    [
        "print('x' * 10_000_000)",
        "'x' * 10_000",
        "raise ValueError('x' * 10_000)",
        "import sys; sys.stderr.write('y' * 10_000); None",
    ],
)
async def test_what_is_said_is_cut(backend: PlainBackend, code: str) -> None:
    (said,) = await told(backend, code)
    assert 500 <= len(said.output + said.error) < 700
    assert "... cut" in said.output + said.error


async def test_what_is_said_is_valid_unicode_and_exceptions_may_be_odd(backend: PlainBackend) -> None:
    odd = "class E(Exception):\n    def __str__(self): raise self\nraise E"
    said = await told(backend, "print('\\ud800 and')", odd, "class R:\n    def __repr__(self): return 3\nR()", "1")
    assert said[0].output == "? and\n"
    assert said[1].error
    assert "TypeError" in said[2].error
    assert said[3].output == "1\n"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os._exit(3)", "ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9"),
        (f"{FIND_CHANNEL}os.close(n)", "the program ended"),
        (f"{FIND_CHANNEL}os.write(n, b'\\xff' * 5)", "the program ended"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x02X{{}}')", "broke the protocol"),
    ],
)
async def test_an_interpreter_that_ends_itself_is_lost(backend: PlainBackend, code: str, why: str) -> None:
    said = (await told(backend, code))[0]
    assert why in said.lost
    assert said.output == ""


async def test_code_that_takes_too_long_is_ended(backend: PlainBackend) -> None:
    settings = ConsoleSettings(Limits(cpu_ms=1500, wall_ms=60_000))
    said = await told(backend, "1", "while True: pass", settings=settings)
    assert said[0].output == "1\n"
    assert "the code took more than 1500 ms" in said[1].lost
    settings = ConsoleSettings(Limits(cpu_ms=60_000, wall_ms=400))
    (said,) = await told(backend, "import time; time.sleep(1000)", settings=settings)
    assert "the code took more than 400 ms" in said.lost


async def test_an_interpreter_may_be_closed_twice_and_says_what_it_took(backend: PlainBackend) -> None:
    console = await Console.opened(backend, SETTINGS)
    assert (await console.run("sum(range(10))")).output == "45\n"
    assert await console.cpu_ms() >= 0
    await console.close()
    await console.close()
