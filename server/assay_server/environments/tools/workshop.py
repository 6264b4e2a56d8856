"""The tools at work: one call in, one text out. What goes wrong is a text that says so, and ends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import EnvironmentFault
from assay_server.environments.sql.bench import Place, SqlBench
from assay_server.environments.sql.episode import table_text
from assay_server.environments.tools.calculator import CalculatorError, calculated
from assay_server.environments.tools.corpus import Corpora, Document, KnowledgeBase
from assay_server.environments.tools.files import FileError, Folder
from assay_server.environments.tools.reading import Planned

_LONGEST_RESULT = 4000
_LONGEST_DOCUMENT = 1200
_LONGEST_QUERY = 2000
_MOST_CACHED = 256
_NO_DATABASES = "this process has no databases"


@dataclass(frozen=True, slots=True)
class ToolPorts:
    """What tools need of the process that they are in.

    Attributes:
        corpora: of the operator; None = the generated one alone.
        databases: None = there are none, and ``sql`` says so.
        programs: whether somebody answers what Python calls ask.
    """

    corpora: Corpora | None = None
    databases: SqlBench | None = None
    programs: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call.

    Attributes:
        done: the tool did what it was asked to.
        found: what a search found.
    """

    text: str
    done: bool = True
    found: tuple[Document, ...] = ()


def failed(reason: str) -> Outcome:
    """A call that did nothing."""
    return Outcome(f"Error: {reason}", done=False)


class Workshop:
    """All tools but Python, for one episode.

    Attributes:
        folder: the session's files.
        cached: calls that were answered from earlier results.
    """

    def __init__(
        self,
        ports: ToolPorts,
        bases: Mapping[str, KnowledgeBase],
        place: Place,
        results: int,
        rows: int,
    ) -> None:
        self._bench = ports.databases
        self._bases = bases
        self._place = place
        self._results = results
        self._rows = rows
        self._known: dict[str, Outcome] = {}
        self.folder = Folder()
        self.cached = 0
        self._tools: Mapping[str, Callable[[Mapping[str, Json]], Outcome]] = {
            "search": self._search,
            "calculator": self._calculator,
            "sql_schema": self._schema,
            "sql_query": self._query,
            "list_files": self._list,
            "read_file": self._read,
            "write_file": self._write,
            "delete_file": self._delete,
        }

    def run(self, call: Planned) -> Outcome:
        """Make a call. What files do depends on the calls before; all else is remembered."""
        tool = self._tools[call.name]
        if call.name.endswith(("file", "files")):
            return _cut(tool(call.arguments))
        key = json.dumps([call.name, call.arguments], sort_keys=True)
        known = self._known.get(key)
        if known is not None:
            self.cached += 1
            return known
        outcome = _cut(tool(call.arguments))
        if len(self._known) < _MOST_CACHED:
            self._known[key] = outcome
        return outcome

    def _search(self, arguments: Mapping[str, Json]) -> Outcome:
        base, query = _texts(arguments, "base", "query")
        many = cast("int", arguments.get("results", self._results))
        found = self._bases[base].search(query[:_LONGEST_QUERY], many)
        if not found:
            return Outcome("Nothing found.")
        shown = [f"{number}. {one.title}: {one.text[:_LONGEST_DOCUMENT]}" for number, one in enumerate(found, 1)]
        return Outcome("\n".join(shown), found=found)

    def _calculator(self, arguments: Mapping[str, Json]) -> Outcome:
        try:
            return Outcome(calculated(*_texts(arguments, "expression")))
        except CalculatorError as error:
            return failed(str(error))

    def _schema(self, arguments: Mapping[str, Json]) -> Outcome:
        wanted = str(arguments.get("table", "")).lower()
        if self._bench is None:
            return failed(_NO_DATABASES)
        try:
            tables = self._bench.tables(self._place)
        except EnvironmentFault as error:
            return failed(str(error))
        shown = [text for name, text in tables.items() if not wanted or name.lower() == wanted]
        return Outcome("\n".join(shown)) if shown else failed(f"there is no table {wanted[:80]!r}")

    def _query(self, arguments: Mapping[str, Json]) -> Outcome:
        if self._bench is None:
            return failed(_NO_DATABASES)
        try:
            (query,) = _texts(arguments, "query")
            answer = self._bench.query(self._place, query, self._rows)
        except EnvironmentFault as error:
            return failed(str(error))
        return failed(answer.failure) if answer.failure else Outcome(table_text(answer))

    def _list(self, arguments: Mapping[str, Json]) -> Outcome:
        del arguments
        listed = [f"{name} ({len(text)} characters)" for name, text in sorted(self.folder.texts.items())]
        return Outcome("\n".join(listed) or "There are no files.")

    def _read(self, arguments: Mapping[str, Json]) -> Outcome:
        start = cast("int", arguments.get("start", 0))
        try:
            text = self.folder.read(*_texts(arguments, "name"))
        except FileError as error:
            return failed(str(error))
        if start > len(text):
            return failed(f"the file has {len(text)} characters")
        return Outcome(text[start : start + 2 * _LONGEST_RESULT] or "(empty)")

    def _write(self, arguments: Mapping[str, Json]) -> Outcome:
        name, text = _texts(arguments, "name", "text")
        try:
            self.folder.write(name, text, append=arguments.get("append") is True)
        except FileError as error:
            return failed(str(error))
        return Outcome(f"{name} has {len(self.folder.read(name))} characters now.")

    def _delete(self, arguments: Mapping[str, Json]) -> Outcome:
        (name,) = _texts(arguments, "name")
        try:
            self.folder.delete(name)
        except FileError as error:
            return failed(str(error))
        return Outcome(f"{name} is deleted.")


def _texts(arguments: Mapping[str, Json], *names: str) -> tuple[str, ...]:
    return tuple(cast("str", arguments[name]) for name in names)


def _cut(outcome: Outcome) -> Outcome:
    if len(outcome.text) <= _LONGEST_RESULT:
        return outcome
    left = len(outcome.text) - _LONGEST_RESULT
    return Outcome(f"{outcome.text[:_LONGEST_RESULT]}\n... {left} characters more", outcome.done, outcome.found)
