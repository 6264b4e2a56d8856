"""A page of the documentation as its reader follows it: files are written, commands are run, promises are compared.

Blocks of code with a title are files; in blocks of kind ``console`` a line that begins with ``$ `` is a command and the
lines below it are what it prints, in which ``...`` stands for anything. ``assay serve &`` is waited for. All commands
of a page run in one shell.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<kind>[\w-]+)(?P<rest>[^\n]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.DOTALL | re.MULTILINE
)
TITLE = re.compile(r'title="([^"]+)"')
SKIPPED_ONCE_INSTALLED = "<!-- installs -->"
MARK = "@@@ ended with"
ENDED = re.compile(rf"(.*?){MARK} (\d+)\n", re.DOTALL)
GRPC, HTTP = "localhost:50051", "localhost:8080"
PATIENCE = 900


@dataclass(frozen=True, slots=True)
class Written:
    """A file that the reader writes."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, and what the page says it prints."""

    command: str
    promised: str


def steps_of(page: str, *, installs: bool) -> Iterator[Written | Typed]:
    """What a reader does, in order.

    Args:
        installs: whether the blocks that install count.
    """
    for match in FENCE.finditer(page):
        if page[: match.start()].rstrip().endswith(SKIPPED_ONCE_INSTALLED) and not installs:
            continue
        if title := TITLE.search(match["rest"]):
            yield Written(title[1], match["body"])
        elif match["kind"] == "console":
            for part in re.split(r"^\$ ", match["body"], flags=re.MULTILINE)[1:]:
                command, _, promised = part.partition("\n")
                yield Typed(command, promised.strip())


def free_addresses() -> tuple[str, str]:
    """Two addresses that nothing listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as two:
        return f"localhost:{one.getsockname()[1]}", f"localhost:{two.getsockname()[1]}"


def follow(
    page: str, folder: Path, environment: Mapping[str, str], *, installs: bool = False
) -> list[tuple[Typed, str]]:
    """Every command with what it printed, standard error included.

    Raises:
        AssertionError: a command failed.
    """
    grpc, http = free_addresses()
    addressed = page.replace(GRPC, grpc).replace(HTTP, http)
    steps = list(steps_of(addressed, installs=installs))
    script = ["set -u", f"export ASSAY_LISTEN={grpc} ASSAY_HTTP_LISTEN={http}"]
    for step in steps:
        script += written(step) if isinstance(step, Written) else typed(step)
    script += ['[ -z "$(jobs -p)" ] || kill $(jobs -p)', "wait"]
    with subprocess.Popen(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**os.environ, **environment, "TERM": "dumb", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            printed, _ = shell.communicate(timeout=PATIENCE)
        except BaseException:
            os.killpg(shell.pid, signal.SIGKILL)
            raise
    said = ENDED.findall(printed)
    commands = [step for step in steps if isinstance(step, Typed)]
    failed = [text for text, status in said if status != "0"]
    assert not failed, failed
    assert len(said) == len(commands), printed[-4000:]
    return [(command, text.strip()) for command, (text, _) in zip(commands, said, strict=True)]


def written(step: Written) -> list[str]:
    """The lines of a shell that write a file."""
    assert not Path(step.name).is_absolute()
    return [
        f"mkdir -p {shlex.quote(str(Path(step.name).parent))}",
        f"cat >{shlex.quote(step.name)} <<'END OF FILE'\n{step.text}END OF FILE",
    ]


def typed(step: Typed) -> list[str]:
    """The lines of a shell that run a command and say how it ended; a server in the background is waited for."""
    said = f'echo "{MARK} $status"'
    if not step.command.endswith("&"):
        return [f"{step.command}\nstatus=$?", said]
    waits = "until grep -qs '\"serving\"' server.log; do kill -0 $! || { cat server.log; break; }; sleep 0.05; done"
    return [f"{step.command[:-1]} 2>server.log &", waits, "kill -0 $!; status=$?", said]


def matches(promised: str, printed: str) -> bool:
    """Whether a text is what a page promises: line by line, ``...`` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in promised.split("..."))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
