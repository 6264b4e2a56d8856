"""What becomes of a stream whose connection ended. Pure: time and randomness come in."""

from __future__ import annotations

from assay.connection import Connection, Retries, is_local
from assay.errors import AssayError, Failure, StaleGeneration, StreamReplaced, error_of
from assay.v1 import reward_service_pb2 as service

_RETRIED = frozenset({1, 2, 4, 8, 13, 14})
"""Codes after which a stream is opened again: everything in it may be repeated."""

_SUSPICIOUS = frozenset({1, 2, 4, 13})
"""Of these, codes that may be our own fault: given up after a few times without progress."""

_MAX_SUSPICIOUS = 5
_STEADY_SECONDS = 5.0
_UNAVAILABLE = 14

_MESSAGES = {
    service.CLOSING_REASON_REPLACED: "another stream of the same consumer took over",
    service.CLOSING_REASON_FENCED: "the run was restored: open again with its new generation",
}


class Reconnects:
    """How often, how soon and where to a stream comes back.

    Args:
        give_up_after: seconds without a connection after which the last failure is raised; None = never.
        start: which of several addresses is the first, so that streams spread over them.

    Attributes:
        target: where to connect next.
        rounds: how often the service asked to connect anew: then names are to be resolved anew too.
    """

    def __init__(self, connection: Connection, give_up_after: float | None, start: int = 0) -> None:
        self._first = connection
        self._turn = start
        self.rounds = 0
        self._retries: Retries = connection.retries
        self._give_up_after = give_up_after
        self._failures = 0
        self._suspicious = 0
        self._since: float | None = None
        self._opened_at: float | None = None
        self.target = self._address()

    def _address(self) -> str:
        targets = self._first.targets
        return targets[self._turn % len(targets)]

    def received(self, response: service.StreamRolloutsResponse, now: float) -> None:
        """A connection brought something. To be opened alone is no progress: it may break at once, again and again."""
        if response.HasField("opened"):
            self._opened_at = now
        elif self._failures:
            self._start_afresh()

    def _start_afresh(self) -> None:
        self._failures = 0
        self._suspicious = 0
        self._since = None

    def delay_after(self, failure: Failure, now: float, draw: float) -> float:
        """Seconds until the next attempt.

        Raises:
            AssayError: there is none: the failure would come again, or it has lasted for too long.
        """
        if self._opened_at is not None and now - self._opened_at >= _STEADY_SECONDS:
            self._start_afresh()
        self._opened_at = None
        self._failures += 1
        self._since = now if self._since is None else self._since
        self._suspicious += failure.code in _SUSPICIOUS
        lasted = now - self._since
        self._turn += 1
        self.target = self._address()
        if failure.code not in _RETRIED or self._suspicious > _MAX_SUSPICIOUS:
            raise error_of(failure)
        if self._give_up_after is not None and lasted >= self._give_up_after:
            raise error_of(failure)
        return self._retries.delay(self._failures, draw, failure.retry_after)

    def delay_after_closing(self, closing: service.Closing, draw: float) -> float:
        """Seconds until the next attempt after the service closed the stream.

        A target that it names is used only where it is no further away than ours: a key for this machine never
        leaves it.

        Raises:
            StreamReplaced: another stream took over.
            StaleGeneration: the run was restored.
        """
        error = closing_error(closing)
        if error is not None:
            raise error
        named = closing.reconnect_target
        self.rounds += 1
        self._turn += 1
        self.target = self._address()
        if named and (is_local(named) or not all(map(is_local, self._first.targets))):
            self.target = named
        return self._retries.first_delay * draw


def closing_error(closing: service.Closing) -> AssayError | None:
    """The exception for a closing after which there is no coming back."""
    message = _MESSAGES.get(closing.reason, "")
    if closing.reason == service.CLOSING_REASON_REPLACED:
        return StreamReplaced(message, failure=Failure(10, message, "REPLACED"))
    if closing.reason == service.CLOSING_REASON_FENCED:
        return StaleGeneration(message, failure=Failure(9, message, "STALE_GENERATION"))
    return None


ENDED = Failure(_UNAVAILABLE, "the service ended the stream")
"""A stream that ended without a word."""


def next_delay(
    reconnects: Reconnects,
    closing: service.Closing | None,
    failure: Failure | None,
    *,
    done: bool,
    now: float,
    draw: float,
) -> float | None:
    """Seconds until a stream opens again after a connection ended; None: it is over.

    Args:
        closing: the service's last word, where it said one.
        failure: why the connection broke; None where the service ended it.
        done: nothing more was to be sent.

    Raises:
        AssayError: it cannot be opened again.
    """
    if failure is None and closing is not None and closing.reason != service.CLOSING_REASON_UNSPECIFIED:
        if done and closing_error(closing) is None:
            return None
        return reconnects.delay_after_closing(closing, draw)
    if failure is None and done:
        return None
    return reconnects.delay_after(failure or ENDED, now, draw)
