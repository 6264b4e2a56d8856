"""Parquet files made of lines of JSON, by DuckDB, in bounded memory: the rows pass through files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "threads": "1",
    "memory_limit": "512MB",
    "preserve_insertion_order": "true",
}
_ROW_GROUP = 4096
_LONGEST_LINE = 128 << 20


class ParquetUnavailable(Exception):
    """What writes Parquet is not installed."""


class ParquetFailed(Exception):
    """DuckDB could not write the file: more memory or disk than there is."""


def require_parquet() -> None:
    """Refuse where Parquet cannot be written. Raises ParquetUnavailable."""
    try:
        import duckdb  # noqa: F401  # pyright: ignore[reportUnusedImport] - only whether it is there
    except ImportError as error:
        raise ParquetUnavailable("DuckDB is not installed: it comes with the extra `sql`") from error


def write_parquet(lines: Path, target: Path, columns: Mapping[str, str]) -> None:
    """Write the rows of a file of JSON lines, in their order.

    Args:
        columns: name -> DuckDB's type; text where a value is an object or a list that is not typed.

    Raises:
        ParquetUnavailable: DuckDB is not installed.
        ParquetFailed: the rows are too many.
    """
    require_parquet()
    import duckdb

    types = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in columns.items())
    source = (
        f"read_json({_quoted(str(lines))}, format = 'newline_delimited', columns = {{{types}}},"
        f" maximum_object_size = {_LONGEST_LINE})"
    )
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}"
    connection = duckdb.connect(config=_CONFIGURATION)
    try:
        connection.execute(
            f"COPY (SELECT * FROM {source}) TO {_quoted(str(target))} ({options})"  # noqa: S608 - quoted, and our own
        )
    except duckdb.OutOfMemoryException as error:
        raise ParquetFailed("the rows need more memory than Parquet is given") from error
    except duckdb.IOException as error:
        raise ParquetFailed("there is no room for the file") from error
    finally:
        connection.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
