"""Things to do, in lists."""

from __future__ import annotations

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    DATE,
    ID,
    PAGE,
    TEXT,
    AppFunction,
    Given,
    date,
    listed,
    matching,
    named,
    text,
)
from assay_server.environments.apps.world import Record, World


def _list(world: World, given: Given) -> Json:
    rows = [
        (key, one)
        for key, one in world.rows("todos")
        if one["done"] is given.get("done", False) and given.get("list", one["list"]) == one["list"]
    ]
    return listed(rows, given, "title", "list", "due")


def _search(world: World, given: Given) -> Json:
    return listed(matching(world, "todos", named(given, "text"), "title"), given, "title", "list", "due", "done")


def _create(world: World, given: Given) -> Json:
    record: Record = {
        "title": named(given, "title"), "list": text(given, "list") or "home", "due": date(given, "due"), "done": False,
    }  # fmt: skip
    return {"id": world.add("todos", record)}


def _changed(world: World, key: str, change: Record) -> Json:
    world.put("todos", key, {**world.get("todos", key), **change})
    return {"id": key, **change}


def _complete(world: World, given: Given) -> Json:
    return _changed(world, text(given, "id"), {"done": given.get("done", True)})


def _update(world: World, given: Given) -> Json:
    change: dict[str, Json] = {name: named(given, name) for name in ("title", "list") if name in given}
    if "due" in given:
        change["due"] = date(given, "due")
    return _changed(world, text(given, "id"), change)


def _delete(world: World, given: Given) -> Json:
    key = text(given, "id")
    world.remove("todos", key)
    return {"deleted": key}


_FLAG: dict[str, Json] = {"type": "boolean"}
_FIELDS: dict[str, dict[str, Json]] = {"title": TEXT, "list": TEXT, "due": DATE}

FUNCTIONS = (
    AppFunction(
        "todos_list", "List what is to do, or what is done.", _list, {"list": TEXT, "done": _FLAG, "page": PAGE}, (),
        "rows",
    ),
    AppFunction(
        "todos_search", "Find entries by their title.", _search, {"text": TEXT, "page": PAGE}, ("text",), "rows"
    ),
    AppFunction("todos_create", "Add an entry.", _create, _FIELDS, ("title",), "its id"),
    AppFunction("todos_complete", "Mark an entry as done, or not.", _complete, {"id": ID, "done": _FLAG}, ("id",)),
    AppFunction("todos_update", "Change fields of an entry.", _update, {"id": ID, **_FIELDS}, ("id",)),
    AppFunction("todos_delete", "Remove an entry.", _delete, {"id": ID}, ("id",)),
)  # fmt: skip
