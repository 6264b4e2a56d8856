"""DuckDB that can only read: opened read-only, without access to anything outside, its configuration locked."""

from __future__ import annotations

import threading

import duckdb

from assay_server.execution.sql.engines import Gathered
from assay_server.execution.sql.sqlite import Caps, Clock, DatabaseUnusable, QueryFailed, Table
from assay_server.execution.sql.targets import Target

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "threads": "1",
    "memory_limit": "384MB",
    "max_temp_directory_size": "0B",
    "lock_configuration": "true",
}
_CHUNK_ROWS = 256
_LONGEST_SQL = 100_000
_COLUMNS = "SELECT lower(table_name), lower(column_name) FROM information_schema.columns"


class DuckDatabase:
    """One DuckDB file.

    Raises:
        DatabaseUnusable: there is no such file, it is no database, or somebody is writing to it.
    """

    def __init__(self, target: Target, clock: Clock) -> None:
        self._clock = clock
        try:
            self._connection = duckdb.connect(target.location, read_only=True, config=_CONFIGURATION)
            listed = self._connection.execute(_COLUMNS).fetchall()
        except duckdb.Error as error:
            raise DatabaseUnusable(f"DuckDB cannot read it: {str(error)[:200]}") from error
        self.schema: dict[str, frozenset[str]] = {
            str(table): frozenset(str(column) for name, column in listed if name == table) for table, _ in listed
        }

    def run(self, sql: str, caps: Caps, most_rows: int | None = None) -> Table:
        """The rows of a query, ``most_rows`` of them where that is given.

        Raises:
            QueryFailed: it is no query, is refused, or breaks a limit.
        """
        alarm = threading.Timer(max(0.0, min(self._clock.left(), threading.TIMEOUT_MAX)), self._connection.interrupt)
        alarm.daemon = True
        alarm.start()
        try:
            return self._run(sql, caps, most_rows)
        except duckdb.InterruptException as error:
            raise QueryFailed("timeout", "interrupted") from error
        except duckdb.PermissionException as error:
            raise QueryFailed("refused", str(error)[:500]) from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise QueryFailed("memory", "it needs more memory than a query may have") from error
        except (duckdb.Error, ValueError, OverflowError, RuntimeError) as error:
            raise QueryFailed("syntax", str(error)[:500]) from error
        finally:
            alarm.cancel()
            alarm.join()

    def _run(self, sql: str, caps: Caps, most_rows: int | None) -> Table:
        if len(sql) > _LONGEST_SQL:
            raise QueryFailed("refused", f"longer than {_LONGEST_SQL} characters")
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1:
            raise QueryFailed("refused", "one statement is expected")
        if statements[0].type != duckdb.StatementType.SELECT:
            raise QueryFailed("refused", f"{statements[0].type.name.lower()} is no query")
        cursor = self._connection.execute(statements[0])
        columns = tuple(str(column[0]) for column in cursor.description or ())
        gathered = Gathered(caps, most_rows)
        while chunk := cursor.fetchmany(_CHUNK_ROWS):
            if not all(gathered.add(tuple(row)) for row in chunk):
                break
        return gathered.table(columns)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
