"""A progress bar on stderr, where stderr is a terminal; nothing at all where it is not."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assay_server.cli.line_source import Line


@contextmanager
def progress(label: str, input_descriptor: int) -> Generator[Callable[[list[Line]], None]]:
    """What to call with the lines that are done. Measures in bytes where the size of the input is known."""
    if not sys.stderr.isatty():
        yield lambda _lines: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    size = _size_of(input_descriptor)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *((TaskProgressColumn(), TimeRemainingColumn()) if size else ()),
        TextColumn("{task.fields[lines]} lines"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=size, lines=0)
        done = 0

        def wrote(lines: list[Line]) -> None:
            nonlocal done
            done += len(lines)
            bar.update(task, advance=sum(line.size + 1 for line in lines), lines=f"{done:,}")

        yield wrote


def _size_of(descriptor: int) -> int | None:
    status = os.fstat(descriptor)
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_size else None
