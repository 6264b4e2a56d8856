"""The page of the server's settings, from their declarations and the docstrings under them."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from assay_server.config import Settings

from .markdown import page, prose, table


def settings_page() -> str:
    """Every setting with its default."""
    told = docstrings()
    rows = [
        (f"`ASSAY_{name.upper()}`", typed(field.annotation), default(field.default), prose(told.get(name, "")))
        for name, field in Settings.model_fields.items()
    ]
    return page(
        "Settings of the server",
        "Environment variables of `assay serve` and `assay worker`; an option of the command wins over its variable. "
        "Lists and objects are written as JSON.",
        [table(("variable", "type", "default", ""), rows)],
    )


def docstrings() -> dict[str, str]:
    """By field the string under it."""
    [body] = [node for node in ast.parse(inspect.getsource(Settings)).body if isinstance(node, ast.ClassDef)]
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found


def typed(annotation: object) -> str:
    """A type as a reader would say it."""
    text = annotation.__name__ if isinstance(annotation, type) and "[" not in str(annotation) else str(annotation)
    text = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)
    return f"`{text}`"


def default(value: object) -> str:
    """A default; one that depends on the machine is named so."""
    if value is PydanticUndefined:
        return "of this machine or user"
    if value is None:
        return "none"
    return f"`{value.as_posix()}`" if isinstance(value, Path) else f"`{value!r}`"
