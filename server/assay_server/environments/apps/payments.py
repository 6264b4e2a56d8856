"""Payments: transfers, and requests for money."""

from __future__ import annotations

from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import (
    ID,
    MONEY,
    PAGE,
    TEXT,
    AppFunction,
    Given,
    cents,
    matching,
    money,
    named,
    paged,
    text,
)
from assay_server.environments.apps.mail import addresses
from assay_server.environments.apps.world import AppError, Record, World

OPENING_CENTS = 500_000
_WHO: dict[str, Json] = {"type": "string", "description": "an address"}


def shown(key: str, record: Record) -> dict[str, Json]:
    """A transfer or request as the agent sees it."""
    held = dict(record)
    amount = cast("int", held.pop("cents"))
    return {"id": key, "amount": money(amount), **held}


def _balance(world: World, given: Given) -> Json:
    del given
    return {"balance": money(_held(world))}


def _held(world: World) -> int:
    signed = [
        cast("int", one["cents"]) * (-1 if one["from"] == world.owner else 1) for _, one in world.rows("transfers")
    ]
    return OPENING_CENTS + sum(signed)


def _list(world: World, given: Given) -> Json:
    rows = list(world.rows("transfers"))
    if "with" in given:
        rows = [(key, one) for key, one in rows if given["with"] in (one["from"], one["to"])]
    return paged([shown(key, one) for key, one in rows], given)


def _search(world: World, given: Given) -> Json:
    rows = matching(world, "transfers", named(given, "text"), "from", "to", "memo")
    return paged([shown(key, one) for key, one in rows], given)


def _read(world: World, given: Given) -> Json:
    key = text(given, "id")
    return shown(key, world.get("requests" if key.startswith("r") else "transfers", key))


def _transferred(world: World, to: str, amount: int, memo: str, request: str) -> str:
    if to == world.owner:
        raise AppError("that is your own address")
    if amount > _held(world):
        raise AppError("there is not enough money")
    record: Record = {
        "from": world.owner, "to": to, "cents": amount, "memo": memo, "at": world.now, "request": request,
    }  # fmt: skip
    return world.add("transfers", record)


def _send(world: World, given: Given) -> Json:
    to = addresses({"to": [given["to"]]}, "to")[0]
    return {"id": _transferred(world, to, cents(given, "amount"), text(given, "memo"), "")}


def _request(world: World, given: Given) -> Json:
    who = addresses({"from": [given["from"]]}, "from")[0]
    if who == world.owner:
        raise AppError("that is your own address")
    record: Record = {
        "from": who, "to": world.owner, "cents": cents(given, "amount"), "memo": text(given, "memo"), "at": world.now,
        "status": "open",
    }  # fmt: skip
    return {"id": world.add("requests", record)}


def _requests(world: World, given: Given) -> Json:
    status = given.get("status", "open")
    return paged([shown(key, one) for key, one in world.rows("requests") if one["status"] == status], given)


def _open_request(world: World, given: Given) -> tuple[str, Record]:
    key = text(given, "id")
    held = world.get("requests", key)
    if held["status"] != "open" or held["from"] != world.owner:
        raise AppError(f"{key} is no open request for your money")
    return key, held


def _approve(world: World, given: Given) -> Json:
    key, held = _open_request(world, given)
    made = _transferred(world, cast("str", held["to"]), cast("int", held["cents"]), cast("str", held["memo"]), key)
    world.put("requests", key, {**held, "status": "paid"})
    return {"id": made}


def _decline(world: World, given: Given) -> Json:
    key, held = _open_request(world, given)
    world.put("requests", key, {**held, "status": "declined"})
    return {"declined": key}


_STATUS: dict[str, Json] = {"type": "string", "enum": ["open", "paid", "declined"]}

FUNCTIONS = (
    AppFunction("payments_balance", "What there is in the account.", _balance, {}, (), "the balance"),
    AppFunction(
        "payments_list", "List transfers, all or those with somebody.", _list, {"with": _WHO, "page": PAGE}, (),
        "transfers",
    ),
    AppFunction(
        "payments_search", "Find transfers by a text in addresses or memo.", _search, {"text": TEXT, "page": PAGE},
        ("text",), "transfers",
    ),
    AppFunction("payments_read", "Show a transfer or a request.", _read, {"id": ID}, ("id",), "all its fields"),
    AppFunction(
        "payments_send", "Pay somebody.", _send, {"to": _WHO, "amount": MONEY, "memo": TEXT}, ("to", "amount"),
        "the transfer's id",
    ),
    AppFunction(
        "payments_request", "Ask somebody for money.", _request, {"from": _WHO, "amount": MONEY, "memo": TEXT},
        ("from", "amount"), "the request's id",
    ),
    AppFunction(
        "payments_requests", "List requests, by itself the open ones, yours and those to you.", _requests,
        {"status": _STATUS, "page": PAGE}, (), "requests",
    ),
    AppFunction("payments_approve", "Pay what a request asks for.", _approve, {"id": ID}, ("id",), "the transfer's id"),
    AppFunction("payments_decline", "Refuse a request.", _decline, {"id": ID}, ("id",)),
)  # fmt: skip
