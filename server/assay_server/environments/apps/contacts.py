"""Contacts: people with addresses."""

from __future__ import annotations

from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    ID,
    PAGE,
    TEXT,
    AppFunction,
    Given,
    listed,
    matching,
    named,
    text,
    whole,
)
from assay_server.environments.apps.mail import addresses
from assay_server.environments.apps.world import World

_FIELDS: tuple[str, ...] = ("name", "email", "phone", "group")
_PROPERTIES: dict[str, dict[str, Json]] = dict.fromkeys(_FIELDS, TEXT)


def _list(world: World, given: Given) -> Json:
    rows = [(key, one) for key, one in world.rows("contacts") if "group" not in given or one["group"] == given["group"]]
    return listed(rows, given, "name", "group")


def _search(world: World, given: Given) -> Json:
    return listed(matching(world, "contacts", named(given, "text"), *_FIELDS), given, "name", "group")


def _read(world: World, given: Given) -> Json:
    key = text(given, "id")
    return whole(key, world.get("contacts", key))


def _given_fields(given: Given) -> dict[str, Json]:
    fields = {name: cast("Json", text(given, name).strip()) for name in _FIELDS if name in given}
    if "email" in fields:
        fields["email"] = addresses({"email": [fields["email"]]}, "email")[0]
    return fields


def _create(world: World, given: Given) -> Json:
    named(given, "name")
    blank: dict[str, Json] = dict.fromkeys(_FIELDS, "")
    return {"id": world.add("contacts", {**blank, **_given_fields(given)})}


def _update(world: World, given: Given) -> Json:
    key = text(given, "id")
    record = {**world.get("contacts", key), **_given_fields(given)}
    world.put("contacts", key, record)
    return whole(key, record)


def _delete(world: World, given: Given) -> Json:
    key = text(given, "id")
    world.remove("contacts", key)
    return {"deleted": key}


FUNCTIONS = (
    AppFunction(
        "contacts_list", "List people, all or those of a group.", _list, {"group": TEXT, "page": PAGE}, (),
        "names and groups",
    ),
    AppFunction(
        "contacts_search", "Find people by a text in any field.", _search, {"text": TEXT, "page": PAGE}, ("text",),
        "names and groups",
    ),
    AppFunction("contacts_read", "Show a person.", _read, {"id": ID}, ("id",), "all fields"),
    AppFunction("contacts_create", "Add a person.", _create, _PROPERTIES, ("name", "email"), "the id"),
    AppFunction(
        "contacts_update", "Change fields of a person.", _update, {"id": ID, **_PROPERTIES}, ("id",), "the person"
    ),
    AppFunction("contacts_delete", "Remove a person.", _delete, {"id": ID}, ("id",)),
)  # fmt: skip
