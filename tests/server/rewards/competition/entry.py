"""An answer of a competition with what a careful grader accepts and refuses for it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A reference, answers that are right, answers that are wrong, and why."""

    reason: str
    reference: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
