"""Functions of applications: how they are declared, and how their arguments and pages are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, cast

from assay.sdk import Json
from assay_server.environments.apps.world import AppError, Record, World

Given: TypeAlias = Mapping[str, Json]
"""Arguments by name, as the declaration allows them."""

TEXT: dict[str, Json] = {"type": "string"}
ID: dict[str, Json] = {"type": "string", "description": "as listings give it"}
PAGE: dict[str, Json] = {"type": "integer", "minimum": 1, "maximum": 1000, "description": "of the list; 1 at first"}
TEXTS: dict[str, Json] = {"type": "array", "items": {"type": "string"}}
FLAG: dict[str, Json] = {"type": "boolean"}
DATE: dict[str, Json] = {"type": "string", "description": "YYYY-MM-DD"}
MOMENT: dict[str, Json] = {"type": "string", "description": "YYYY-MM-DD HH:MM"}
MONEY: dict[str, Json] = {"type": "number", "minimum": 0.01, "maximum": 100_000, "description": "with cents"}

ROWS = 15
"""Rows of a page."""
LONGEST_TEXT = 10_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")
_MOST_TEXTS = 50


@dataclass(frozen=True, slots=True)
class AppFunction:
    """One function of an application.

    Attributes:
        told: what it does, in a sentence.
        answers: what it answers with.
        run: does it; raises AppError where that cannot be done, and has changed nothing then.
    """

    name: str
    told: str
    run: Callable[[World, Given], Json]
    properties: Mapping[str, Mapping[str, Json]]
    required: tuple[str, ...] = ()
    answers: str = "what was done"

    @property
    def app(self) -> str:
        """The application that it belongs to."""
        return self.name.partition("_")[0]

    def declared(self) -> dict[str, Json]:
        """As OpenAI's ``tools`` lists it."""
        parameters: dict[str, Json] = {
            "type": "object",
            "properties": {name: dict(schema) for name, schema in self.properties.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.told, "parameters": parameters},
        }


def text(given: Given, name: str, default: str = "") -> str:
    """A text argument. Raises AppError where it is too long."""
    value = cast("str", given.get(name, default))
    if len(value) > LONGEST_TEXT:
        raise AppError(f"{name} has more than {LONGEST_TEXT} characters")
    return value


def named(given: Given, name: str) -> str:
    """A text argument that says something. Raises AppError where it is empty."""
    value = text(given, name).strip()
    if not value:
        raise AppError(f"{name} is empty")
    return value


def texts(given: Given, name: str) -> list[str]:
    """A list of texts. Raises AppError where it is none."""
    listed = cast("list[Json]", given.get(name, []))
    if len(listed) > _MOST_TEXTS or not all(isinstance(one, str) and 0 < len(one) <= LONGEST_TEXT for one in listed):
        raise AppError(f"{name} is no list of up to {_MOST_TEXTS} texts")
    return cast("list[str]", listed)


def cents(given: Given, name: str) -> int:
    """An amount of money in cents. Raises AppError where it has parts of cents."""
    amount = cast("float", given[name]) * 100
    if abs(amount - round(amount)) > 1e-6:
        raise AppError(f"{name} has parts of cents")
    return round(amount)


def money(amount: int) -> Json:
    """Cents as they are shown."""
    return amount / 100 if amount % 100 else amount // 100


def date(given: Given, name: str) -> str:
    """A date, or empty where none is given. Raises AppError where it is none."""
    return _real(name, text(given, name), _DATE, "YYYY-MM-DD")


def moment(given: Given, name: str) -> str:
    """A date with a time, or empty where none is given. Raises AppError where it is none."""
    return _real(name, text(given, name), _MOMENT, "YYYY-MM-DD HH:MM")


def _real(name: str, value: str, form: re.Pattern[str], wanted: str) -> str:
    if not value:
        return ""
    try:
        if form.fullmatch(value):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise AppError(f"{name} is {value[:40]!a}, not a real {wanted}")


def listed(rows: Iterable[tuple[str, Record]], given: Given, *fields: str) -> Json:
    """A page of rows, with these fields."""
    return paged([{"id": key, **{name: record[name] for name in fields}} for key, record in rows], given)


def paged(rows: list[Json], given: Given) -> Json:
    """A page of a list."""
    page = int(cast("float", given.get("page", 1)))
    pages = max(1, -(-len(rows) // ROWS))
    if page > pages:
        raise AppError(f"there are {pages} pages")
    return {"rows": rows[(page - 1) * ROWS : page * ROWS], "page": page, "pages": pages}


def matching(world: World, table: str, wanted: str, *fields: str) -> list[tuple[str, Record]]:
    """Records one of whose fields has this text, whatever its case."""
    part = wanted.casefold()
    return [
        (key, record)
        for key, record in world.rows(table)
        if any(part in str(record[name]).casefold() for name in fields)
    ]


def whole(key: str, record: Record) -> Json:
    """A record with its id."""
    return {"id": key, **record}
