"""The side process: reads the records for people, so that the server's own process has its time for trainers.

``python -m assay_server.console.side_main FD PATH``: questions come over the socket FD, one after the other. It gives
way to everything else on the machine, and ends with the server.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import cast

from assay.sdk import Json
from assay_server.console.errors import BadQuestion, NotHeld
from assay_server.console.frames import HEADER, framed
from assay_server.console.questions import Questions
from assay_server.console.records import Records

_NICENESS = 10


def main() -> None:
    """Answer until there is nobody to answer."""
    os.nice(_NICENESS)
    connection = socket.socket(fileno=int(sys.argv[1]))
    with connection, connection.makefile("rb") as reading:
        questions: Questions | None = None
        while header := reading.read(HEADER.size):
            asked = json.loads(reading.read(HEADER.unpack(header)[0]))
            try:
                if questions is None:
                    questions = Questions(Records(Path(sys.argv[2])))
                answer = _answered(questions, cast("dict[str, Json]", asked))
            except sqlite3.Error:
                answer = {"error": "UNAVAILABLE", "message": "the records cannot be read"}
            connection.sendall(framed(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()))


def _answered(questions: Questions, asked: dict[str, Json]) -> dict[str, Json]:
    try:
        arguments = cast("dict[str, str]", asked["arguments"])
        return {"answer": questions.answer(str(asked["question"]), str(asked["tenant"]), arguments)}
    except NotHeld as error:
        return {"error": "NOT_FOUND", "message": str(error)}
    except BadQuestion as error:
        return {"error": "INVALID_ARGUMENT", "message": str(error)}


if __name__ == "__main__":
    main()
