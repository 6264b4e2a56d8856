"""What no answer may say: where the server's files lie, and how its code came to fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.sdk import Json

_INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/usr/|/work|/tmp|object at 0x|\b\w+(?:Error|Exception)\b|line \d+ column"
)
_DIAGNOSIS = re.compile(r"\bthe source: [A-Za-z_]\w* on import: |^  the source:\d+: .*$", re.MULTILINE)
"""How a registered plugin's author is told why Python did not take the source that came with the request."""


def leak_in(text: str) -> str:
    """What of a text shows the server's insides; empty where nothing does.

    The exception and the line of a source that the caller sent are the caller's; whatever is said beside them is not.
    """
    found = _INSIDES.search(_DIAGNOSIS.sub("", text))
    return found.group() if found else ""


def leak_in_json(value: Json) -> str:
    """The same of every text in an answer, keys included."""
    return next((leak for text in _texts(value) if (leak := leak_in(text))), "")


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from _texts(member)
