"""Programs that act through functions on this side, on plain subprocesses."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assay_sandbox.acting import ActingSettings, Call, End, acting
from assay_sandbox.protocol import Limits
from tests.sandboxes.plain_backend import PlainBackend
from tests.sandboxes.programs import FIND_CHANNEL

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNCTIONS = {"": {"finish": "finish"}, "mail": {"list": "mail_list", "send": "mail_send"}}
SETTINGS = ActingSettings(Limits(cpu_ms=20_000, wall_ms=60_000), kept_characters=500, call_bytes=10_000)


@dataclass
class Acted:
    """What a program did, and how it ended."""

    end: End = field(default_factory=End)
    calls: list[Call] = field(default_factory=list[Call])


async def acted(backend: PlainBackend, code: str, settings: ActingSettings = SETTINGS) -> Acted:
    """Run a program whose calls are answered with how many there were; those of ``mail_send`` are refused."""
    found = Acted()
    async with acting(backend, code, FUNCTIONS, settings) as program:
        while isinstance(turn := await program.turn(), Call):
            found.calls.append(turn)
            if turn.name == "mail_send":
                await program.refuse("the mailbox is full")
            else:
                await program.answer({"number": len(found.calls)})
        assert await program.cpu_ms() >= 0
    found.end = turn
    return found


async def test_calls_go_out_by_either_name_and_their_answers_come_back(backend: PlainBackend) -> None:
    found = await acted(
        backend, "a = apps.mail.list('inbox', page=2)\nb = mail_list()\nprint(a, b['number'])\nfinish()"
    )
    assert found.calls == [
        Call("mail_list", ("inbox",), {"page": 2}),
        Call("mail_list", (), {}),
        Call("finish", (), {}),
    ]
    assert found.end == End("{'number': 1} 2\n{'number': 3}\n")


async def test_a_call_that_is_refused_raises_and_can_be_caught(backend: PlainBackend) -> None:
    found = await acted(
        backend, "try:\n    mail_send()\nexcept AppError as error:\n    print('no:', error)\nmail_send(1)"
    )
    assert found.end.output == "no: the mailbox is full\n"
    assert found.end.error.endswith('<call 1>", line 5, in <module>\n    mail_send(1)\nAppError: the mailbox is full\n')
    assert "acting.py" not in found.end.error


@pytest.mark.parametrize("given", ["object()", "float('nan')", "b'x'", "{1: {2}}"])
async def test_arguments_are_json(backend: PlainBackend, given: str) -> None:
    found = await acted(backend, f"mail_list({given})")
    assert found.calls == []
    assert "TypeError: mail_list: arguments are texts" in found.end.error


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os._exit(0)", "the program ended with status 0"),
        (f"{FIND_CHANNEL}os.close(n)", "the program ended"),
        (f"{FIND_CHANNEL}os.write(n, b'\\xff' * 5)", "the program ended"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x02X[]')", "broke the protocol"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x02S{{}}')\nwhile 1: pass", "broke the protocol"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x02S[]')\nwhile 1: pass", "broke the protocol"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x01K7')\nwhile 1: pass", "broke the protocol"),
        (f"{FIND_CHANNEL}os.write(n, b'\\0\\0\\0\\x0bK[1, [], {{}}]')\nwhile 1: pass", "broke the protocol"),
        (
            f"{FIND_CHANNEL}t = b'K[\"f\", [1e999], {{}}]'; os.write(n, bytes((0, 0, 0, len(t) - 1)) + t)\nwhile 1: 1",
            "broke the protocol",
        ),
        ("mail_list('x' * 20_000)", "its calls have more than 10000 bytes"),
        ("while True: mail_list('x' * 500)", "its calls have more than 10000 bytes"),
        ("while True:\n    try: mail_send()\n    except AppError: pass", "it made more than 256 calls"),
    ],
)
async def test_a_program_that_does_not_play_by_the_rules_is_ended(backend: PlainBackend, code: str, why: str) -> None:
    found = await acted(backend, code)
    assert why in found.end.error
    assert found.end.output == ""


async def test_what_takes_too_long_is_ended_and_waiting_for_answers_is_not_counted(backend: PlainBackend) -> None:
    settings = ActingSettings(Limits(cpu_ms=60_000, wall_ms=600))
    found = await acted(backend, "import time; time.sleep(1000)", settings)
    assert "it took more than 600 ms" in found.end.error
    async with acting(backend, "mail_list()\nimport time; time.sleep(1000)", FUNCTIONS, SETTINGS) as program:
        assert isinstance(await program.turn(), Call)
