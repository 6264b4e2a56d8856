"""What no log shows: keys, tokens, passwords in URLs, by what they look like and by what they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Final, cast

HIDDEN: Final = "[hidden]"
_MOST_DEPTH: Final = 6

_NAMES: Final = re.compile(
    r"(?:^|_|-)(?:authorization|token|password|passwd|secret|api_?key|private_?key)s?$", re.IGNORECASE
)
_SECRETS: Final = re.compile(
    r"(?P<key>\bassay_[0-9a-f]{12}_)[A-Za-z0-9_-]{8,}"
    r"|(?P<scheme>\b(?:[Bb]earer|[Bb]asic) )[A-Za-z0-9+/=._~-]{8,}"
    r"|(?P<user>://[^\s/:@]{0,200}:)[^\s/@]{1,400}(?=@)"
)


def redacted(text: str) -> str:
    """The text, with what looks like a secret hidden; linear in its length."""
    return _SECRETS.sub(lambda found: f"{found['key'] or found['scheme'] or found['user']}{HIDDEN}", text)


def redact_event(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A processor of structlog: hides values by the names they have, and secrets wherever a text has one."""
    for name, value in event.items():
        event[name] = HIDDEN if value and _NAMES.search(name) else _hidden_in(value, _MOST_DEPTH)
    return event


def _hidden_in(value: object, depth: int) -> object:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping) and depth:
        items = cast("Mapping[object, object]", value).items()
        return {key: HIDDEN if item and _NAMES.search(str(key)) else _hidden_in(item, depth - 1) for key, item in items}
    if isinstance(value, (list, tuple)) and depth:
        return [_hidden_in(item, depth - 1) for item in cast("Sequence[object]", value)]
    return cast("object", value)
