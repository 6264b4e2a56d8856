"""The operator's catalogue of databases: what requests may name, and where that lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar, cast

import tomllib
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay_server.environments.sql.themes import THEMES
from assay_server.execution.sql.targets import GENERATED, Target, generated_target

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_Settings = TypeVar("_Settings", bound=BaseModel)
_GENERATED = f"{GENERATED}/"
_FILES = ("*.sqlite", "*.sqlite3", "*.db")


class InvalidDatabases(ValueError):
    """The catalogue cannot be used; the message names the entry and the setting, never a value."""


class DatabaseSettings(BaseModel):
    """One ``[databases.NAME]`` table: a file, or how a server is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    engine: Literal["sqlite", "duckdb", "postgres"] = "sqlite"

    path: Path | None = None
    """With SQLite and DuckDB: the file."""

    dsn_env: str | None = None
    """With PostgreSQL: an environment variable of the server that holds the connection string."""

    role: str = Field(default="", max_length=63)
    """With PostgreSQL: a role without rights to write, which queries run as; empty = the user of the connection."""

    @model_validator(mode="after")
    def _located(self) -> DatabaseSettings:
        if (self.engine == "postgres") != (self.dsn_env is not None) or (self.engine == "postgres") == bool(self.path):
            raise ValueError("expected path with sqlite and duckdb, dsn_env with postgres")
        return self


class FolderSettings(BaseModel):
    """One ``[folders.NAME]`` table: every SQLite file below a folder is a database ``NAME/...``.

    In the layout of Spider and BIRD, where ``DB/DB.sqlite`` lies in a folder of its own, it is called ``NAME/DB``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path


class Databases:
    """Databases by name.

    Args:
        targets: name -> database.
        paths: a name that is not known is the path of an SQLite file; for embedded engines and commands only.
    """

    def __init__(self, targets: Mapping[str, Target] | None = None, *, paths: bool = False) -> None:
        self._targets = dict(targets or {})
        self._paths = paths

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._targets))

    def with_paths(self, paths: bool) -> Databases:
        """The same, with or without paths."""
        return Databases(self._targets, paths=paths)

    def find(self, name: str) -> Target | None:
        """The database called ``name``; None where there is none."""
        found = self._targets.get(name)
        if found is None and name.startswith(_GENERATED):
            return _generated(name.removeprefix(_GENERATED))
        if found is None and self._paths and name and "\0" not in name:
            return Target("duckdb" if name.endswith(".duckdb") else "sqlite", str(Path(name).absolute()))
        return found


def load_databases(path: Path, environment: Mapping[str, str]) -> Databases:
    """The databases of a TOML file with ``[databases.NAME]`` and ``[folders.NAME]`` tables.

    Args:
        path: the file; relative paths in it start from its folder.
        environment: where ``dsn_env`` is looked up.

    Raises:
        InvalidDatabases: the file cannot be read, or a setting is unknown, missing or leads nowhere.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidDatabases(f"databases: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidDatabases(f"databases: {path} is not TOML: {error}") from None
    if set(document) - {"databases", "folders"}:
        raise InvalidDatabases(f"databases: {path}: expected [databases.NAME] and [folders.NAME] tables, nothing else")
    targets: dict[str, Target] = {}
    for name, table in _tables(document, "databases"):
        targets[name] = _target(name, _checked(DatabaseSettings, f"databases.{name}", table), path.parent, environment)
    for name, table in _tables(document, "folders"):
        folder = (path.parent / _checked(FolderSettings, f"folders.{name}", table).path).absolute()
        if not folder.is_dir():
            raise InvalidDatabases(f"folders.{name}: there is no folder {folder}")
        targets |= {f"{name}/{inside}": target for inside, target in folder_of_databases(folder).items()}
    return Databases(targets)


def folder_of_databases(folder: Path) -> dict[str, Target]:
    """The SQLite files below a folder, by their names in it: ``DB/DB.sqlite`` is ``DB``, any other its path."""
    found: dict[str, Target] = {}
    for pattern in _FILES:
        for file in sorted(folder.rglob(pattern)):
            inside = file.relative_to(folder).with_suffix("")
            twice = len(inside.parts) > 1 and inside.parts[-1] == inside.parts[-2]
            name = (inside.parent if twice else inside).as_posix()
            if _NAME.fullmatch(name):
                found.setdefault(name, Target("sqlite", str(file)))
    return found


def _generated(name: str) -> Target | None:
    """``THEME`` or ``THEME/SEED``."""
    theme, _, seed = name.partition("/")
    if theme not in THEMES or not re.fullmatch(r"[0-9]{0,15}", seed):
        return None
    return generated_target(theme, int(seed or 0))


def _tables(document: Mapping[str, object], kind: str) -> list[tuple[str, object]]:
    tables = document.get(kind, {})
    if not isinstance(tables, dict):
        raise InvalidDatabases(f"{kind}: expected [{kind}.NAME] tables")
    named = cast("dict[str, object]", tables)
    for name in named:
        if not _NAME.fullmatch(name):
            raise InvalidDatabases(f"{kind}: the name {name[:80]!r}: expected up to 128 letters, digits and _ . : / -")
    return list(named.items())


def _checked(kind: type[_Settings], name: str, table: object) -> _Settings:
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'table'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidDatabases(f"{name}: {problems}") from None


def _target(name: str, settings: DatabaseSettings, folder: Path, environment: Mapping[str, str]) -> Target:
    if settings.dsn_env is not None:
        dsn = environment.get(settings.dsn_env, "")
        if not dsn:
            raise InvalidDatabases(f"databases.{name}: the variable {settings.dsn_env} is empty")
        return Target("postgres", dsn, settings.role)
    assert settings.path is not None
    file = (folder / settings.path).absolute()
    if not file.is_file():
        raise InvalidDatabases(f"databases.{name}: there is no file {file}")
    return Target(settings.engine, str(file))
