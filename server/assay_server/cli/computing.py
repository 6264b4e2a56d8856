"""``assay compute``: any computation by its id, without a server; what plugins compute, in processes of theirs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from assay_server.cli.answers import Answer, Tally, bad_line, result
from assay_server.cli.json_text import BadLine, read_object
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.ordered import answer_in_order
from assay_server.cli.progress import progress
from assay_server.cli.refusals import Usage
from assay_server.compute import compute

if TYPE_CHECKING:
    from assay_server.estimators.case_values import Computation
    from assay_server.plugin_computing import PluginComputing


def compute_lines(plugins: Sequence[str] = (), execution_timeout: float | None = None) -> Tally:
    """Answer every case of standard input.

    Raises:
        Usage: a plugin that was named cannot be used.
    """
    descriptor = sys.stdin.fileno()
    with _Plugins(plugins, execution_timeout) as found, progress("computing", descriptor) as wrote:

        def answers(lines: list[Line]) -> list[Answer]:
            return [_answer(line, found) for line in lines]

        return answer_in_order(LineSource(descriptor), answers, sys.stdout.buffer, workers=1, wrote=wrote)


class _Plugins(ExitStack):
    """What plugins compute. Those that are merely installed are looked for when something unknown is first named."""

    def __init__(self, named: Sequence[str], execution_timeout: float | None) -> None:
        super().__init__()
        self._named = tuple(named)
        self._execution_timeout = execution_timeout
        self._found: PluginComputing | None = None
        if named:
            self._opened()

    @property
    def ids(self) -> list[str]:
        return self._opened().ids

    def find(self, id: str) -> Computation | None:
        return self._opened().find(id)

    def _opened(self) -> PluginComputing:
        if self._found is None:
            from assay_server.config import Settings
            from assay_server.execution.plugin_files import BrokenPlugin
            from assay_server.plugin_computing import PluginComputing

            settings = Settings(plugins=self._named)
            timeout, memory = self._execution_timeout or settings.execution_timeout, settings.cpu_memory_mib << 20
            try:
                found = PluginComputing(settings.plugins, execution_timeout=timeout, memory_bytes=memory)
            except BrokenPlugin as error:
                raise Usage(f"--plugin {error}") from error
            self._found = self.enter_context(found)
        return self._found


def _answer(line: Line, plugins: _Plugins) -> Answer:
    try:
        case = read_object(line)
    except BadLine as problem:
        return bad_line(line, "id", problem)
    return result(compute(case, plugins))
