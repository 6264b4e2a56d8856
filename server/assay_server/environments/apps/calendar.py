"""The calendar: events with attendees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    DATE,
    ID,
    MOMENT,
    PAGE,
    TEXT,
    TEXTS,
    AppFunction,
    Given,
    date,
    listed,
    matching,
    moment,
    named,
    text,
    whole,
)
from assay_server.environments.apps.mail import addresses
from assay_server.environments.apps.world import AppError, Record, World

_FIELDS: dict[str, dict[str, Json]] = {
    "title": TEXT, "start": MOMENT, "end": MOMENT, "place": TEXT, "attendees": TEXTS,
}  # fmt: skip
_HOURS = range(8, 18)


def _by_start(rows: Iterable[tuple[str, Record]]) -> list[tuple[str, Record]]:
    return sorted(rows, key=lambda row: cast("str", row[1]["start"]))


def _list(world: World, given: Given) -> Json:
    since, until = date(given, "from") or world.now[:10], date(given, "to")
    rows = [
        (key, record)
        for key, record in world.rows("events")
        if str(record["start"])[:10] >= since and (not until or str(record["start"])[:10] <= until)
    ]
    return listed(_by_start(rows), given, "title", "start", "end")


def _search(world: World, given: Given) -> Json:
    rows = matching(world, "events", named(given, "text"), "title", "place", "attendees")
    return listed(_by_start(rows), given, "title", "start", "end")


def _read(world: World, given: Given) -> Json:
    key = text(given, "id")
    return whole(key, world.get("events", key))


def _free(world: World, given: Given) -> Json:
    day = date(given, "date")
    taken = [(str(one["start"]), str(one["end"])) for _, one in world.rows("events") if str(one["start"])[:10] == day]
    hours = [(f"{day} {hour:02}:00", f"{day} {hour + 1:02}:00") for hour in _HOURS]
    return {"free": [start for start, end in hours if all(end <= begun or over <= start for begun, over in taken)]}


def _given_fields(given: Given) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    for name in _FIELDS:
        if name in given:
            match name:
                case "start" | "end":
                    fields[name] = moment(given, name)
                case "attendees":
                    fields[name] = cast("list[Json]", addresses(given, name))
                case _:
                    fields[name] = text(given, name)
    return fields


def _in_order(record: Record) -> Record:
    start, end = str(record["start"]), str(record["end"])
    if not start or not start < end:
        raise AppError(f"it would start at {start!a} and end at {end!a}")
    return record


def _create(world: World, given: Given) -> Json:
    blank: Record = {"title": named(given, "title"), "start": "", "end": "", "place": "", "attendees": []}
    return {"id": world.add("events", _in_order({**blank, **_given_fields(given)}))}


def _update(world: World, given: Given) -> Json:
    key = text(given, "id")
    record = _in_order({**world.get("events", key), **_given_fields(given)})
    world.put("events", key, record)
    return whole(key, record)


def _cancel(world: World, given: Given) -> Json:
    key = text(given, "id")
    world.remove("events", key)
    return {"cancelled": key}


FUNCTIONS = (
    AppFunction(
        "calendar_list", "List events by their start, by itself from today on.", _list,
        {"from": DATE, "to": DATE, "page": PAGE}, (), "rows without attendees",
    ),
    AppFunction(
        "calendar_search", "Find events by a text in title, place or attendees.", _search,
        {"text": TEXT, "page": PAGE}, ("text",), "rows without attendees",
    ),
    AppFunction("calendar_read", "Show an event.", _read, {"id": ID}, ("id",), "all its fields"),
    AppFunction(
        "calendar_free", "The hours of a day, from 08:00 to 18:00, in which nothing takes place.", _free,
        {"date": DATE}, ("date",), "when each begins",
    ),
    AppFunction(
        "calendar_create", "Add an event. Nobody is told.", _create, _FIELDS, ("title", "start", "end"), "its id"
    ),
    AppFunction(
        "calendar_update", "Change fields of an event. Nobody is told.", _update, {"id": ID, **_FIELDS}, ("id",),
        "the event",
    ),
    AppFunction("calendar_cancel", "Remove an event. Nobody is told.", _cancel, {"id": ID}, ("id",)),
)  # fmt: skip
