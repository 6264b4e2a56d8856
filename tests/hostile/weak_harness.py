"""A sandbox as many are: ``exec`` and asserts in one plain subprocess. Hostile programs must succeed against it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

_RUN = "import sys; names = {'__name__': '__main__'}; exec(sys.argv[1], names); exec(sys.argv[2], names)"


@dataclass(frozen=True, slots=True)
class WeakResult:
    """What the harness believes.

    Attributes:
        passed: exit status 0.
        hung: somebody kept its output open after the time was over.
    """

    passed: bool
    stdout: bytes
    hung: bool = False


def run_weakly(source: str, tests: str = "", *, stdin: bytes = b"", seconds: float = 20.0) -> WeakResult:
    """Execute a program and then its tests in the same names, in a directory of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _RUN, source, tests],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            close_fds=False,
            start_new_session=True,
        )
        try:
            stdout, _ = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired as expired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
            return WeakResult(False, expired.stdout or b"", hung=True)
        return WeakResult(process.returncode == 0, stdout)
