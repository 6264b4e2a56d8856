"""A program that answers as a recorded REPL does: python replaying_repl.py TRANSCRIPT [COMMANDS].

The transcript has the protocol of leanprover-community/repl: objects in JSON, each followed by a blank line; a command,
then its answer. A command is known by its text and environment. After so many commands it ends.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Answer commands until there are no more."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    blocks = [json.loads(block) for block in text.split("\n\n") if block.strip()]
    said_and_heard = zip(blocks[::2], blocks[1::2], strict=True)
    answers = {(command["cmd"], command.get("env")): answer for command, answer in said_and_heard}
    said: list[str] = []
    left = int(sys.argv[2]) if len(sys.argv) > 2 else -1
    for line in sys.stdin:
        if line.strip():
            said.append(line)
            continue
        command = json.loads("".join(said))
        said.clear()
        if "-- dies" in command["cmd"]:
            sys.exit(134)
        if "-- sleeps" in command["cmd"]:
            time.sleep(600)
        if "-- babbles" in command["cmd"]:
            answer = {"no": "answer"}
        else:
            answer = answers.get((command["cmd"], command.get("env")), {"message": "Unknown environment."})
        sys.stdout.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n\n")
        sys.stdout.flush()
        left -= 1
        if not left:
            return


if __name__ == "__main__":
    main()
