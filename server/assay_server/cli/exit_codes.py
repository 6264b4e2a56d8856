"""What the exit status of a command means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of every command.

    A line that was read but could not be scored or computed is an answer, not a failure of the command: it counts only
    with ``--strict``.
    """

    OK = 0
    """Every line was answered."""
    ITEM_ERRORS = 1
    """With ``--strict``: some answers are errors. Of ``doctor``: something is broken or unsafe."""
    USAGE = 2
    """Unknown option, reward, estimator or parameter; nothing was computed."""
    BAD_INPUT = 3
    """Some input lines could not be read; each was answered in its place and the others were computed."""
    UNREACHABLE = 4
    """The server could not be reached, or went away."""
    REFUSED = 5
    """The server refused the whole call: key, quota, or a fault of its own."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""
    OUTPUT_CLOSED = 141
    """Whoever read the answers went away."""
