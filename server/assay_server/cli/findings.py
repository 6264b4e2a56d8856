"""What ``assay doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """FAIL means broken or unsafe; NOTE is worth knowing."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``hint`` says what to do about it."""

    check: str
    status: Status
    detail: str
    hint: str = ""
