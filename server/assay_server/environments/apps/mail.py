"""Mail: messages in folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    FLAG,
    ID,
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

FOLDERS = ("inbox", "sent", "done", "trash")
_FOLDER: dict[str, Json] = {"type": "string", "enum": [*FOLDERS]}
_ADDRESS = re.compile(r"[a-z0-9._-]{1,64}@[a-z0-9.-]{1,100}")


def _list(world: World, given: Given) -> Json:
    folder = given.get("folder", "inbox")
    rows = ((key, record) for key, record in world.rows("mail") if record["folder"] == folder)
    return listed(rows, given, "from", "subject", "at", "read")


def _search(world: World, given: Given) -> Json:
    rows = matching(world, "mail", named(given, "text"), "from", "to", "subject", "body")
    return listed(rows, given, "folder", "from", "subject", "at")


def _read(world: World, given: Given) -> Json:
    key = text(given, "id")
    return whole(key, world.get("mail", key))


def addresses(given: Given, name: str) -> list[str]:
    """Addresses of mail in lower case, each once. Raises AppError where one is none."""
    found = list(dict.fromkeys(one.strip().casefold() for one in texts(given, name)))
    for one in found:
        if not _ADDRESS.fullmatch(one):
            raise AppError(f"{one[:80]!a} is no address")
    return found


def _sent(world: World, to: list[str], subject: str, body: str, about: str) -> Json:
    if not to:
        raise AppError("there is nobody to send it to")
    record: Record = {
        "folder": "sent",
        "from": world.owner,
        "to": cast("list[Json]", to),
        "subject": subject,
        "body": body,
        "at": world.now,
        "read": True,
        "about": about,
    }
    return {"id": world.add("mail", record)}


def _send(world: World, given: Given) -> Json:
    return _sent(world, addresses(given, "to"), text(given, "subject"), text(given, "body"), "")


def _reply(world: World, given: Given) -> Json:
    key = text(given, "id")
    held = world.get("mail", key)
    to = cast("str", held["from"])
    others = [one for one in cast("list[str]", held["to"]) if one not in (to, world.owner)]
    everybody = [to, *others] if given.get("all", False) else [to]
    return _sent(world, everybody, f"Re: {held['subject']}", named(given, "body"), key)


def _forward(world: World, given: Given) -> Json:
    key = text(given, "id")
    held = world.get("mail", key)
    body = "\n\n".join(part for part in (text(given, "body"), str(held["body"])) if part)
    return _sent(world, addresses(given, "to"), f"Fwd: {held['subject']}", body, key)


def _changed(world: World, given: Given, change: Mapping[str, Json]) -> Json:
    key = text(given, "id")
    world.put("mail", key, {**world.get("mail", key), **change})
    return {"id": key, **change}


def _move(world: World, given: Given) -> Json:
    return _changed(world, given, {"folder": given["folder"]})


def _mark(world: World, given: Given) -> Json:
    return _changed(world, given, {"read": given["read"]})


def _delete(world: World, given: Given) -> Json:
    key = text(given, "id")
    world.remove("mail", key)
    return {"deleted": key}


FUNCTIONS = (
    AppFunction("mail_list", "List a folder.", _list, {"folder": _FOLDER, "page": PAGE}, (), "rows without bodies"),
    AppFunction(
        "mail_search", "Find messages of all folders by a text in them.", _search, {"text": TEXT, "page": PAGE},
        ("text",), "rows without bodies",
    ),
    AppFunction("mail_read", "Show a message.", _read, {"id": ID}, ("id",), "all its fields"),
    AppFunction(
        "mail_send", "Send a message.", _send, {"to": TEXTS, "subject": TEXT, "body": TEXT}, ("to", "subject", "body"),
        "its id",
    ),
    AppFunction(
        "mail_reply", "Answer a message: its sender, or everybody in it.", _reply,
        {"id": ID, "body": TEXT, "all": FLAG}, ("id", "body"), "the answer's id",
    ),
    AppFunction(
        "mail_forward", "Send a message on, with words before it.", _forward, {"id": ID, "to": TEXTS, "body": TEXT},
        ("id", "to"), "the new message's id",
    ),
    AppFunction("mail_move", "Move a message to a folder.", _move, {"id": ID, "folder": _FOLDER}, ("id", "folder")),
    AppFunction("mail_mark", "Mark a message as read or unread.", _mark, {"id": ID, "read": FLAG}, ("id", "read")),
    AppFunction("mail_delete", "Delete a message for good.", _delete, {"id": ID}, ("id",)),
)  # fmt: skip
