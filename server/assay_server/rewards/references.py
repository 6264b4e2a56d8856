"""Reading the ground truth of a sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from assay.sdk import Json, Unscorable
from assay_server.rewards.answers import Answer, normal_text, read_answer
from assay_server.rewards.boxes import last_box

_LONGEST_REMEMBERED = 256


def reference_text(reference: Mapping[str, Json], key: str = "answer") -> str:
    """``reference[key]`` as text; numbers are written out.

    Raises:
        Unscorable: it is missing, or neither text nor a finite number.
    """
    value = reference.get(key)
    if type(value) is str and value.strip():
        return value
    if value is None or value == "" or isinstance(value, str):
        message = f'the reference has no {key!r}; send it as {{"{key}": ...}}'
        raise Unscorable("REFERENCE_MISSING", message, field=f"reference.{key}")
    if isinstance(value, bool | list | dict) or not math.isfinite(value):
        message = f"reference {key!r}: expected text or a finite number, got {type(value).__name__} {str(value)[:80]}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field=f"reference.{key}")
    return repr(value)


def reference_answer(reference: Mapping[str, Json]) -> tuple[Answer, str]:
    """The gold answer with its key: plain, the end of a solution (``#### 18``), or what its last box holds.

    Raises:
        Unscorable: it is missing or says nothing.
    """
    return answer_in(reference_text(reference))


def answer_in(text: str) -> tuple[Answer, str]:
    """As :func:`reference_answer`, of the text."""
    answer, key = _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _gold(text)
    if not key:
        message = f"reference 'answer': no answer can be read from {text[-80:]!r}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.answer")
    return answer, key


def _gold(text: str) -> tuple[Answer, str]:
    if "####" in text:
        text = text.rpartition("####")[2].partition("\n")[0]
    elif "\\boxed" in text or "\\fbox" in text:
        box = last_box(text)
        text = "" if box is None else box[0]
    answer = read_answer(text.strip())
    return answer, answer.key() if normal_text(answer.text) else ""


@lru_cache(maxsize=4096)
def _remembered(text: str) -> tuple[Answer, str]:
    """Members of a group share their reference; the function is pure."""
    return _gold(text)
