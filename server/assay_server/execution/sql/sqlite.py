"""SQLite that can only be read: opened read-only, with an authorizer, limits, a heap cap and a clock.

Nothing here trusts the query: the file is opened ``mode=ro`` (and ``immutable`` where no log lies beside it), only
SELECT, READ, FUNCTION and RECURSIVE are allowed, tables must be the database's own, functions must be listed.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from assay_server.execution.sql.comparison import Row
from assay_server.execution.sql.targets import GENERATED, Target

_OPERATIONS_BETWEEN_LOOKS = 1000
_CACHED_STATEMENTS = 512
_CHUNK_ROWS = 256
_MADE_ON_USE = ("json_each", "json_tree")
_INTERNAL = ("sqlite_", "pragma_", "dbstat", "bytecode", "tables_used")
_OWN_TABLES = frozenset(("sqlite_master", "sqlite_schema", "json_each", "json_tree"))
_NAMES = """
    abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format
    glob group_concat hex ifnull iif instr json json_array json_array_length json_each json_extract json_group_array
    json_group_object json_insert json_object json_patch json_quote json_remove json_replace json_set json_tree
    json_type json_valid julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max
    min mod nth_value ntile nullif octet_length percent_rank pi pow power printf quote radians rank replace round
    row_number rtrim sign sin sinh soundex sqrt strftime string_agg substr substring sum tan tanh time timediff total
    trim trunc typeof unhex unicode unistr unixepoch unlikely upper -> ->>
"""
FUNCTIONS = frozenset(_NAMES.split())
_ACTIONS = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE))
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 8 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 1000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 1_000_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 64,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class DatabaseUnusable(Exception):
    """The database is not there or is none; nobody's query is to blame."""


class QueryFailed(Exception):
    """The query failed or broke a limit.

    Attributes:
        kind: ``syntax`` (the engine does not take it), ``refused``, ``timeout``, ``rows``, ``bytes`` or ``memory``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Caps:
    """What a result may be."""

    rows: int = 100_000
    bytes: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a query; ``cut`` where there were more rows than wanted."""

    columns: tuple[str, ...]
    rows: list[Row]
    cut: bool


class Clock:
    """When the present query has to be done, in the time of ``time.monotonic``; one for all connections."""

    def __init__(self) -> None:
        self.deadline = math.inf
        self._looks = math.inf

    def start(self, seconds: float, operations: float = math.inf) -> None:
        """Begin: so many seconds, and so many operations of SQLite's machine, which are the same on every machine."""
        self.deadline = time.monotonic() + seconds
        self._looks = operations / _OPERATIONS_BETWEEN_LOOKS

    def over(self) -> bool:
        """Whether it has to stop; asked every so many operations."""
        self._looks -= 1.0
        return self._looks < 0.0 or time.monotonic() > self.deadline

    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()

    def pause(self) -> float:
        """The seconds left, for :meth:`resume`; nothing is over meanwhile."""
        left = self.left()
        self.deadline = self._looks = math.inf
        return left

    def resume(self, left: float) -> None:
        """Go on with the seconds that were left."""
        self.deadline = time.monotonic() + left


def identity_of(path: str) -> tuple[int, ...]:
    """What changes when a file, or the log beside it, is written or replaced.

    Raises:
        DatabaseUnusable: there is no such file.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise DatabaseUnusable("there is no such file") from error
    if not stat.S_ISREG(found.st_mode):
        raise DatabaseUnusable("it is no file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def connected(target: Target) -> sqlite3.Connection:
    """A connection to a file, or to a generated database that it has for itself.

    Raises:
        sqlite3.Error: it is no database.
        DatabaseUnusable: nothing of this name is generated.
    """
    return _generated(target.location) if target.engine == GENERATED else read_only(Path(target.location))


def _generated(location: str) -> sqlite3.Connection:
    from assay_server.environments.sql.generation import generated_database

    name, _, seed = location.rpartition("/")
    try:
        data = generated_database(name, int(seed))
    except (KeyError, ValueError) as error:
        raise DatabaseUnusable(f"no generated database is called {location[:80]!r}") from error
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=_CACHED_STATEMENTS)
    for statement in data.statements:
        connection.execute(statement)
    for table, rows in data.rows.items():
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - a name of a theme
    return connection


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write to the file; ``immutable`` where no log lies beside it.

    Raises:
        sqlite3.Error: it is no database.
    """
    live = any(beside.exists() and beside.stat().st_size for beside in _logs(path))
    uri = f"file:{quote(str(path))}?mode=ro{'' if live else '&immutable=1'}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=_CACHED_STATEMENTS)


def cap_heap(limit: int) -> None:
    """Set what SQLite may allocate in this process; more is an error of the query that wants it."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA hard_heap_limit={limit:d}")
    connection.close()


class SqliteDatabase:
    """One database, file or memory, with a connection that can only read.

    Attributes:
        tables: names of everything in it, in lower case.
        schema: columns of tables and views, in lower case, of a guarded one.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock, *, guarded: bool) -> None:
        self._connection = connection
        self._clock = clock
        connection.set_progress_handler(clock.over, _OPERATIONS_BETWEEN_LOOKS)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        self.tables = frozenset(
            str(name).lower() for (name,) in connection.execute("SELECT name FROM sqlite_master") if name
        )
        self.schema = _schema(connection) if guarded else {}
        if guarded:
            for table in _MADE_ON_USE:  # the authorizer would not let them be made
                with contextlib.suppress(sqlite3.Error):
                    connection.execute(f"SELECT 1 FROM {table}('[]')").close()  # noqa: S608 - names from above
            connection.set_authorizer(self._authorized)

    @classmethod
    def open(cls, target: Target, clock: Clock) -> SqliteDatabase:
        """A database, guarded.

        Raises:
            DatabaseUnusable: there is no such file, or it is no database.
        """
        clock.deadline = math.inf
        try:
            return cls(connected(target), clock, guarded=True)
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"SQLite cannot read it: {error}") from error

    def _authorized(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in _ACTIONS:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            table = (first or "").lower()
            # No column: rows are only counted, of a table or of a name that the query itself gives to a subquery.
            counted = not second and not table.startswith(_INTERNAL)
            known = counted or table in self.tables or table in _OWN_TABLES
            return sqlite3.SQLITE_OK if known else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FUNCTIONS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def run(self, sql: str, caps: Caps, most_rows: int | None = None) -> Table:
        """The rows of a query, ``most_rows`` of them where that is given.

        Raises:
            QueryFailed: it is no query, is refused, or breaks a limit.
        """
        try:
            return self._run(sql, caps, most_rows)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise QueryFailed(_kind(error), str(error)) from error
        except MemoryError as error:
            raise QueryFailed("memory", "it needs more memory than a query may have") from error
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            raise QueryFailed(_kind(error), str(error)) from error
        self._connection.text_factory = lenient
        return self.run(sql, caps, most_rows)

    def _run(self, sql: str, caps: Caps, most_rows: int | None) -> Table:
        cursor = self._connection.execute(sql)
        try:
            if cursor.description is None:
                raise QueryFailed("syntax", "it is no query")
            columns = tuple(str(column[0]) for column in cursor.description)
            wanted = caps.rows if most_rows is None else min(caps.rows, most_rows)
            rows: list[Row] = []
            held = 0
            while chunk := cursor.fetchmany(min(_CHUNK_ROWS, wanted + 1 - len(rows))):
                rows += chunk
                held += sum(len(cell) for row in chunk for cell in row if type(cell) is str or type(cell) is bytes)
                if held > caps.bytes:
                    raise QueryFailed("bytes", f"more than {caps.bytes} bytes of results")
                if len(rows) > wanted:
                    break
        finally:
            cursor.close()
        if len(rows) > wanted and most_rows is None:
            raise QueryFailed("rows", f"more than {caps.rows} rows")
        return Table(columns, rows[:wanted], cut=len(rows) > wanted)

    def size(self) -> int:
        """Bytes that its pages take."""
        (pages,), (page,) = (
            self._connection.execute(f"PRAGMA {one}").fetchone() for one in ("page_count", "page_size")
        )
        return int(pages) * int(page)

    def close(self) -> None:
        self._connection.close()


def _schema(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """Columns of every table and view, in lower case."""
    found: dict[str, set[str]] = {}
    sql = "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p WHERE m.type <> 'index'"
    for table, column in connection.execute(sql).fetchall():
        found.setdefault(str(table).lower(), set()).add(str(column).lower())
    return {table: frozenset(columns) for table, columns in found.items()}


def _logs(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")


def lenient(data: bytes) -> str:
    """Text that may not be UTF-8."""
    return data.decode("utf-8", "replace")


def _kind(error: Exception) -> str:
    text = str(error)
    if "interrupted" in text:
        return "timeout"
    if "too big" in text:
        return "bytes"
    refusals = ("not authorized", "denied", "prohibited", "one statement", "readonly", "too many attached")
    return "refused" if any(word in text for word in refusals) else "syntax"
