"""One place where a failed command is put into words and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

import typer

from assay_server.cli.exit_codes import ExitCode


class Usage(Exception):
    """The command cannot run as it was called."""


@contextmanager
def told_plainly() -> Generator[None]:
    """Turn what is raised on purpose into a line on stderr and an exit status; a fault stays a traceback."""
    from assay.errors import AssayError, Misuse, Unavailable

    try:
        yield
    except Usage as error:
        raise _exit(ExitCode.USAGE, str(error)) from error
    except Unavailable as error:
        raise _exit(ExitCode.UNREACHABLE, f"the server is not there: {error.failure.message}") from error
    except AssayError as error:
        usage = isinstance(error, Misuse) and error.failure.code in _CALLERS_FAULT
        raise _exit(ExitCode.USAGE if usage else ExitCode.REFUSED, error.failure.message or str(error)) from error
    except BrokenPipeError as error:
        # Nobody reads: what Python would still flush at exit must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.OUTPUT_CLOSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error


_CALLERS_FAULT = frozenset({3, 5, 9, 12})


def _exit(code: ExitCode, message: str) -> typer.Exit:
    typer.echo(f"assay: {message}", err=True)
    return typer.Exit(code)
