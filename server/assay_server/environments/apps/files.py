"""Files: texts by path, some shared with others."""

from __future__ import annotations

import re
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import PAGE, TEXT, AppFunction, Given, matching, named, paged, text
from assay_server.environments.apps.mail import addresses
from assay_server.environments.apps.world import AppError, World

_PATH = re.compile(r"(?:/[\w.-]{1,60}){1,8}", re.ASCII)
_AT: dict[str, Json] = {"type": "string", "description": "/folder/name"}


def _path(given: Given, name: str) -> str:
    path = text(given, name)
    if not _PATH.fullmatch(path) or "/." in path:
        raise AppError(f"{path[:80]!a} is no path: /folder/name")
    return path


def _list(world: World, given: Given) -> Json:
    folder = text(given, "folder").rstrip("/")
    return paged(
        cast("list[Json]", sorted(key for key, _ in world.rows("files") if key.startswith(f"{folder}/"))), given
    )


def _search(world: World, given: Given) -> Json:
    wanted = named(given, "text")
    found = {key for key, _ in matching(world, "files", wanted, "text")}
    found |= {key for key, _ in world.rows("files") if wanted.casefold() in key.casefold()}
    return paged(cast("list[Json]", sorted(found)), given)


def _read(world: World, given: Given) -> Json:
    path = text(given, "path")
    return {"path": path, **world.get("files", path)}


def _write(world: World, given: Given) -> Json:
    path = _path(given, "path")
    held = world.find("files", path) or {"text": "", "shared": []}
    world.put("files", path, {**held, "text": text(given, "text")})
    return {"path": path}


def _put_to(world: World, given: Given, *, keep: bool) -> Json:
    path, to = text(given, "path"), _path(given, "to")
    held = world.get("files", path)
    if world.find("files", to) is not None:
        raise AppError(f"there is already a file {to}")
    world.put("files", to, {**held, "shared": []} if keep else held)
    if not keep:
        world.remove("files", path)
    return {"path": to}


def _move(world: World, given: Given) -> Json:
    return _put_to(world, given, keep=False)


def _copy(world: World, given: Given) -> Json:
    return _put_to(world, given, keep=True)


def _delete(world: World, given: Given) -> Json:
    path = text(given, "path")
    world.remove("files", path)
    return {"deleted": path}


def _share(world: World, given: Given) -> Json:
    path = text(given, "path")
    held = world.get("files", path)
    who = addresses({"with": [given["with"]]}, "with")[0]
    others = {*cast("list[str]", held["shared"])}
    shared = cast("list[Json]", sorted(others | {who} if given.get("on", True) else others - {who}))
    world.put("files", path, {**held, "shared": shared})
    return {"path": path, "shared": shared}


_PATH_ONLY: dict[str, dict[str, Json]] = {"path": _AT}
_FROM_TO: dict[str, dict[str, Json]] = {"path": _AT, "to": _AT}

FUNCTIONS = (
    AppFunction(
        "files_list", "List the files below a folder, by itself all.", _list, {"folder": _AT, "page": PAGE}, (), "paths"
    ),
    AppFunction(
        "files_search", "Find files by a text in them or in their path.", _search, {"text": TEXT, "page": PAGE},
        ("text",), "paths",
    ),
    AppFunction("files_read", "Show a file and with whom it is shared.", _read, _PATH_ONLY, ("path",), "the file"),
    AppFunction(
        "files_write", "Write a file, in place of the one that has this path.", _write, {"path": _AT, "text": TEXT},
        ("path", "text"),
    ),
    AppFunction("files_move", "Give a file another path.", _move, _FROM_TO, ("path", "to")),
    AppFunction("files_copy", "Copy a file; the copy is shared with nobody.", _copy, _FROM_TO, ("path", "to")),
    AppFunction("files_delete", "Delete a file.", _delete, _PATH_ONLY, ("path",)),
    AppFunction(
        "files_share", "Share a file with somebody, or not any more.", _share,
        {"path": _AT, "with": {"type": "string", "description": "an address"}, "on": {"type": "boolean"}},
        ("path", "with"),
    ),
)  # fmt: skip
