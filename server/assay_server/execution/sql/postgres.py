"""PostgreSQL that can only read: a user without privileges, read-only transactions, a timeout of the server's own."""

from __future__ import annotations

import contextlib

import psycopg
from psycopg import sql as composed

from assay_server.execution.sql.engines import Gathered
from assay_server.execution.sql.sqlite import Caps, Clock, DatabaseUnusable, QueryFailed, Table
from assay_server.execution.sql.targets import Target
from assay_server.execution.sql.tokens import tokens_of

_BEGINNINGS = frozenset(("select", "with", "values", "table"))
_CONNECT_SECONDS = 5
_LONGEST_TIMEOUT_MS = 600_000
_PRIVILEGED = """
SELECT bool_or(r.rolsuper OR r.rolreplication OR r.rolname IN (
    'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'
)) FROM pg_roles AS r WHERE pg_has_role(session_user, r.oid, 'member')
"""
_COLUMNS = "SELECT lower(table_name), lower(column_name) FROM information_schema.columns"


class PostgresDatabase:
    """One database of a PostgreSQL server.

    Raises:
        DatabaseUnusable: it cannot be reached, or its user could read files or write.
    """

    def __init__(self, target: Target, clock: Clock) -> None:
        self._clock = clock
        self._role = target.role
        try:
            self._connection = psycopg.connect(
                target.location,
                autocommit=False,
                connect_timeout=_CONNECT_SECONDS,
                application_name="assay",
                options="-c default_transaction_read_only=on",
            )
            self._connection.read_only = True
            with self._connection.transaction(), self._connection.cursor() as cursor:
                (privileged,) = cursor.execute(_PRIVILEGED).fetchone() or (True,)
                listed = cursor.execute(_COLUMNS).fetchall()
        except psycopg.Error as error:
            # What the driver says may hold the connection string.
            raise DatabaseUnusable(f"PostgreSQL cannot be reached: {type(error).__name__}") from None
        if privileged:
            self._connection.close()
            raise DatabaseUnusable("its user is a superuser, or may read and write the server's files: use another")
        self.schema: dict[str, frozenset[str]] = {
            str(table): frozenset(str(column) for name, column in listed if name == table) for table, _ in listed
        }

    def run(self, sql: str, caps: Caps, most_rows: int | None = None) -> Table:
        """The rows of a query, ``most_rows`` of them where that is given.

        Raises:
            QueryFailed: it is no query, is refused, or breaks a limit. DatabaseUnusable: the server is gone.
        """
        tokens = tokens_of(sql)
        first = next((token.text for token in tokens if token.text != "("), "")
        if first not in _BEGINNINGS:
            raise QueryFailed("refused" if first else "syntax", f"expected a query, got {first[:40]!r}")
        try:
            return self._run(sql, caps, most_rows)
        except psycopg.errors.QueryCanceled as error:
            raise QueryFailed("timeout", "interrupted") from error
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege) as error:
            raise QueryFailed("refused", str(error)[:500]) from error
        except psycopg.Error as error:
            if self._connection.closed:
                raise DatabaseUnusable("the connection to PostgreSQL was lost") from None
            raise QueryFailed("syntax", str(error)[:500]) from error
        except MemoryError as error:
            raise QueryFailed("memory", "it needs more memory than a query may have") from error
        finally:
            with contextlib.suppress(psycopg.Error):
                self._connection.rollback()

    def _run(self, sql: str, caps: Caps, most_rows: int | None) -> Table:
        milliseconds = round(max(1.0, min(self._clock.left() * 1000.0, _LONGEST_TIMEOUT_MS)))
        with self._connection.cursor() as cursor:
            cursor.execute(composed.SQL("SET LOCAL statement_timeout = {}").format(milliseconds))
            if self._role:
                cursor.execute(composed.SQL("SET LOCAL ROLE {}").format(composed.Identifier(self._role)))
            gathered = Gathered(caps, most_rows)
            # stream() speaks the extended protocol, which takes one statement, and holds one row at a time.
            for row in cursor.stream(sql.encode()):
                if not gathered.add(tuple(row)):
                    break
            columns = tuple(column.name for column in cursor.description or ())
        return gathered.table(columns)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
