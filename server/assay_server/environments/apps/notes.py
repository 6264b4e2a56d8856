"""Notes: texts with tags."""

from __future__ import annotations

from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    ID,
    LONGEST_TEXT,
    PAGE,
    TEXT,
    TEXTS,
    AppFunction,
    Given,
    listed,
    matching,
    named,
    text,
    texts,
    whole,
)
from assay_server.environments.apps.world import AppError, Record, World


def _list(world: World, given: Given) -> Json:
    tag = given.get("tag")
    rows = [(key, one) for key, one in world.rows("notes") if tag is None or tag in cast("list[Json]", one["tags"])]
    return listed(rows, given, "title", "tags")


def _search(world: World, given: Given) -> Json:
    return listed(matching(world, "notes", named(given, "text"), "title", "text"), given, "title", "tags")


def _read(world: World, given: Given) -> Json:
    key = text(given, "id")
    return whole(key, world.get("notes", key))


def _tags(given: Given) -> list[Json]:
    return cast("list[Json]", sorted(set(texts(given, "tags"))))


def _create(world: World, given: Given) -> Json:
    record: Record = {"title": named(given, "title"), "text": text(given, "text"), "tags": _tags(given)}
    return {"id": world.add("notes", record)}


def _append(world: World, given: Given) -> Json:
    key = text(given, "id")
    held = world.get("notes", key)
    longer = f"{held['text']}\n{named(given, 'text')}".lstrip("\n")
    if len(longer) > LONGEST_TEXT:
        raise AppError(f"the note would have more than {LONGEST_TEXT} characters")
    world.put("notes", key, {**held, "text": longer})
    return whole(key, world.get("notes", key))


def _update(world: World, given: Given) -> Json:
    key = text(given, "id")
    changed: dict[str, Json] = {name: text(given, name) for name in ("title", "text") if name in given}
    if "tags" in given:
        changed["tags"] = _tags(given)
    record = {**world.get("notes", key), **changed}
    world.put("notes", key, record)
    return whole(key, record)


def _delete(world: World, given: Given) -> Json:
    key = text(given, "id")
    world.remove("notes", key)
    return {"deleted": key}


_FIELDS: dict[str, dict[str, Json]] = {"title": TEXT, "text": TEXT, "tags": TEXTS}

FUNCTIONS = (
    AppFunction(
        "notes_list", "List notes, all or those with a tag.", _list, {"tag": TEXT, "page": PAGE}, (), "titles and tags"
    ),
    AppFunction(
        "notes_search", "Find notes by a text in them.", _search, {"text": TEXT, "page": PAGE}, ("text",),
        "titles and tags",
    ),
    AppFunction("notes_read", "Show a note.", _read, {"id": ID}, ("id",), "all its fields"),
    AppFunction("notes_create", "Write a new note.", _create, _FIELDS, ("title", "text"), "its id"),
    AppFunction("notes_append", "Add a line to a note.", _append, {"id": ID, "text": TEXT}, ("id", "text"), "the note"),
    AppFunction("notes_update", "Replace fields of a note.", _update, {"id": ID, **_FIELDS}, ("id",), "the note"),
    AppFunction("notes_delete", "Delete a note.", _delete, {"id": ID}, ("id",)),
)  # fmt: skip
