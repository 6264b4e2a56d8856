"""What an action of an errand says: calls, a program, or the end."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk import Json
from assay_server.environments.apps.functions import APPS, DECLARED, FUNCTIONS
from assay_server.environments.tools.reading import LONGEST_ACTION, Planned, Spoken, spoken
from assay_server.rewards.code_blocks import find_program

RUN = "run_program"
LONGEST_CODE = 20_000

_PROGRAM: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": RUN,
        "description": "Run a Python program that calls the functions, as apps.mail.list() or mail_list(); what it "
        "prints is shown. Each program starts afresh.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string"}},
            "required": ["code"],
            "additionalProperties": False,
        },
    },
}
DECLARED_WITH_CODE: Mapping[str, Mapping[str, Json]] = {**DECLARED, RUN: _PROGRAM}

IN_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    app: {
        (name.removeprefix(f"{app}_") if app else name): name
        for name, one in FUNCTIONS.items()
        if (one.app if one.app in APPS else "") == app
    }
    for app in ("", *APPS)
}
"""By application, empty for the episode's own, what a function is called in programs, and its name."""


def said_by(action: str, *, code: bool) -> Spoken:
    """Read an action; the last fenced block in Python is a program where there are any, else what ``tools`` reads."""
    if code and len(action) <= LONGEST_ACTION and "```" in action:
        block = find_program(action, "python", "none")
        if block is not None and block.language == "python":
            return Spoken((Planned(RUN, {"code": block.text}),))
    return spoken(action, DECLARED_WITH_CODE if code else DECLARED)
