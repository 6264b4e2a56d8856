"""A worker: one process, many episodes, one action at a time.

Run as ``python -m assay_server.sessions.worker SOCKET MARK SOURCES``: descriptors of its connection to the engine
and of the memory in which it marks the order that runs; where environments are found.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import signal
import socket
import sys
import time
from collections.abc import Callable

from assay_server.environments.protocol import Environment
from assay_server.sessions.channel import (
    LENGTH,
    Act,
    Answer,
    Drop,
    Open,
    Order,
    decode_orders,
    encode_answer,
)
from assay_server.sessions.environments import environment_maker
from assay_server.sessions.episode import Episode
from assay_server.sessions.mark import MARK_BYTES, Mark
from assay_server.sessions.values import EnvironmentSources, Reason, SessionFault, SessionSpec

_PR_SET_PDEATHSIG = 1
_RECEIVE_BYTES = 1 << 20
_FLUSH_BYTES = 1 << 18
_FLUSH_SECONDS = 0.002

MakeEnvironment = Callable[[SessionSpec], Environment]


class Host:
    """Holds episodes and follows orders; pure but for the environments themselves."""

    def __init__(self, make: MakeEnvironment) -> None:
        self._make = make
        self._episodes: dict[int, Episode] = {}

    def follow(self, order: Order) -> Answer | None:
        """Do what is ordered; None where no answer is due."""
        if isinstance(order, Drop):
            for session in order.sessions:
                episode = self._episodes.pop(session, None)
                if episode is not None:
                    episode.close()
            return None
        try:
            if isinstance(order, Act) and not order.heard and (request := self._request(order)):
                return Answer(order.order, request=request)
            episode = self._open(order) if isinstance(order, Open) else self._act(order)
        except SessionFault as fault:
            return Answer(order.order, fault=fault)
        except Exception as error:  # noqa: BLE001 - whatever an environment raises is the answer to its own order only
            self._episodes.pop(order.session, None)
            text = f"the environment raised {type(error).__name__}"
            return Answer(order.order, fault=SessionFault(Reason.ENVIRONMENT_FAILED, text))
        dump = episode.dump() if isinstance(order, Act) else b""
        return Answer(order.order, episode.index, episode.ended, episode.digest, episode.encoded, dump)

    def _open(self, order: Open) -> Episode:
        episode = Episode(self._make(order.spec), order.spec)
        if order.dump:
            episode.resume(order.dump)
        episode.replay(list(order.turns))
        self._episodes[order.session] = episode
        return episode

    def _act(self, order: Act) -> Episode:
        episode = self._episodes[order.session]
        episode.step(order.action, order.agent_id, order.heard)
        return episode

    def _request(self, order: Act) -> str:
        return self._episodes[order.session].request_for(order.action)


class Connection:
    """Frames over a socket; answers are collected and sent together."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = bytearray()
        self._collected = bytearray()
        self._since = 0.0

    def receive(self) -> bytes | None:
        """The next frame; None at the end."""
        while True:
            if len(self._received) >= LENGTH.size:
                (length,) = LENGTH.unpack_from(self._received)
                end = LENGTH.size + length
                if len(self._received) >= end:
                    payload = bytes(self._received[LENGTH.size : end])
                    del self._received[:end]
                    return payload
            self.flush()
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                return None
            self._received += data

    def answer(self, encoded: bytes) -> None:
        """Send this soon: with others, unless the first has waited long enough."""
        now = time.monotonic()
        if not self._collected:
            self._since = now
        self._collected += encoded
        if len(self._collected) >= _FLUSH_BYTES or now - self._since >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        if self._collected:
            self._socket.sendall(LENGTH.pack(len(self._collected)) + self._collected)
            self._collected.clear()


def serve(connection: socket.socket, mark: Mark, make: MakeEnvironment) -> None:
    """Work until the engine closes the connection."""
    host = Host(make)
    frames = Connection(connection)
    while (payload := frames.receive()) is not None:
        for order in decode_orders(payload):
            if not isinstance(order, Drop):
                mark.begin(order.order, time.monotonic())
            answer = host.follow(order)
            mark.end()
            if answer is not None:
                frames.answer(encode_answer(answer))


def main() -> None:
    """Be a worker until the engine goes away."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    make = environment_maker(EnvironmentSources.decode(sys.argv[3]))
    connection = socket.socket(fileno=int(sys.argv[1]))
    mark = Mark(mmap.mmap(int(sys.argv[2]), MARK_BYTES))
    gc.collect()
    gc.freeze()
    serve(connection, mark, make)


if __name__ == "__main__":
    main()
