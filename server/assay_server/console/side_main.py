"""The side process: reads the records for people, so that the server's own process has its time for trainers.

``python -m assay_server.console.side_main FD``: over the socket FD comes first where the records are, which holds a
password where they are a fleet's, then questions, one after the other. It gives way to everything else on the machine,
and ends with the server.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from pathlib import Path
from typing import Final, cast

from assay.sdk import Json
from assay_server.console.errors import BadQuestion, NotHeld
from assay_server.console.frames import HEADER, framed
from assay_server.console.opening import UNREADABLE, Source, open_records
from assay_server.console.questions import Questions
from assay_server.console.run_records import RunRecords

_NICENESS: Final = 10
_REST_SECONDS: Final = 60.0


class _Answering:
    """Records that are opened with the first question, and opened again where that failed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._records: RunRecords | None = None
        self._questions: Questions | None = None

    def answer(self, asked: dict[str, Json]) -> dict[str, Json]:
        try:
            if self._questions is None:
                self._records = open_records(self._source)
                self._questions = Questions(self._records)
            arguments = cast("dict[str, str]", asked["arguments"])
            return {"answer": self._questions.answer(str(asked["question"]), str(asked["tenant"]), arguments)}
        except NotHeld as error:
            return {"error": "NOT_FOUND", "message": str(error)}
        except BadQuestion as error:
            return {"error": "INVALID_ARGUMENT", "message": str(error)}
        except UNREADABLE:
            return {"error": "UNAVAILABLE", "message": "the records cannot be read"}

    def rest(self) -> None:
        if self._records is not None:
            self._records.rest()


def main() -> None:
    """Answer until there is nobody to answer."""
    os.nice(_NICENESS)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        opening = _received(connection)
        if opening is None:
            return
        folder = None if opening["records"] is None else Path(str(opening["records"]))
        if folder is not None:
            os.chdir(str(opening["cwd"]))  # the URL of a Redis may name files from there
        answering = _Answering(Source(str(opening["store"]), folder))
        while True:
            if not select.select([connection], [], [], _REST_SECONDS)[0]:
                answering.rest()
            asked = _received(connection)
            if asked is None:
                return
            answer = answering.answer(asked)
            connection.sendall(framed(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()))


def _received(connection: socket.socket) -> dict[str, Json] | None:
    """The next message; None where the server is gone."""
    header = connection.recv(HEADER.size, socket.MSG_WAITALL)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    return cast("dict[str, Json]", json.loads(connection.recv(length, socket.MSG_WAITALL)))


if __name__ == "__main__":
    main()
