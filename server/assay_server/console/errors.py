"""Why the records cannot say what was asked."""

from __future__ import annotations


class NotHeld(Exception):
    """There is no such run, group or rollout in the records."""


class Unreadable(Exception):
    """A newer version of this program wrote what is in the records."""


class BadQuestion(Exception):
    """What was asked makes no sense."""
