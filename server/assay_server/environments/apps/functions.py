"""All functions of all applications, with the pages that explain them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps import calendar, contacts, files, mail, notes, payments, todos
from assay_server.environments.apps.declaring import PAGE, TEXT, AppFunction, Given
from assay_server.environments.apps.world import AppError, World

ASK, FINISH = "ask_user", "finish"
"""What the episode itself answers."""

APPS: Mapping[str, str] = {
    "mail": "messages in the folders inbox, sent, done and trash",
    "calendar": "events with attendees",
    "contacts": "people with addresses and phone numbers",
    "notes": "texts with tags",
    "files": "texts by path, shared with people",
    "payments": "transfers and payment requests",
    "todos": "things to do, in lists, with dates",
}
_PER_PAGE = 3


def _list_apps(world: World, given: Given) -> Json:
    del given
    return {"now": world.now, "you": world.owner, "apps": dict(APPS)}


def _docs(world: World, given: Given) -> Json:
    del world
    return page_of(cast("str", given["app"]), int(cast("float", given.get("page", 1))))


def page_of(app: str, page: int) -> Json:
    """A page of an application's documentation. Raises AppError where there is no such page."""
    of = [one for one in FUNCTIONS.values() if one.app == app]
    pages = -(-len(of) // _PER_PAGE)
    if page > pages:
        raise AppError(f"the documentation of {app} has {pages} pages")
    shown = of[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    return {
        "app": app,
        "about": APPS[app],
        "page": page,
        "pages": pages,
        "functions": [_explained(one) for one in shown],
    }


def _explained(one: AppFunction) -> Json:
    parameters = {name: {**schema, "required": name in one.required} for name, schema in one.properties.items()}
    return {"name": one.name, "does": one.told, "answers": one.answers, "parameters": cast("Json", parameters)}


def _of_the_episode(world: World, given: Given) -> Json:
    del world, given
    raise AppError("only the episode answers this")


_APP: dict[str, Json] = {"type": "string", "enum": [*APPS]}
_OWN = (
    AppFunction("list_apps", "The applications, your address, and the present moment.", _list_apps, {}, (), "all that"),
    AppFunction(
        "read_docs", "A page of an application's documentation.", _docs, {"app": _APP, "page": PAGE}, ("app",),
        "some of its functions with their parameters",
    ),
    AppFunction(
        ASK, "Ask the user something.", _of_the_episode, {"question": TEXT}, ("question",), "what the user says"
    ),
    AppFunction(
        FINISH, "Say that the task is done, with the answer where one is asked for. This ends the episode.",
        _of_the_episode, {"answer": {"type": ["string", "number"]}},
    ),
)  # fmt: skip

FUNCTIONS: Mapping[str, AppFunction] = {
    one.name: one
    for one in (
        *_OWN,
        *mail.FUNCTIONS,
        *calendar.FUNCTIONS,
        *contacts.FUNCTIONS,
        *notes.FUNCTIONS,
        *files.FUNCTIONS,
        *payments.FUNCTIONS,
        *todos.FUNCTIONS,
    )
}
DECLARED: Mapping[str, Mapping[str, Json]] = {name: one.declared() for name, one in FUNCTIONS.items()}
"""As OpenAI's ``tools`` lists them, by name."""
