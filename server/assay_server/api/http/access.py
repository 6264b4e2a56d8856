"""Who may knock: the names this server answers to, the pages that may call it, and the credentials in a request.

A page of another site must not reach a server on this machine through the browser: a name that was made to point here
(DNS rebinding) is refused by its ``Host``, another site's request by its ``Origin``.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay_server.api.http.refusals import refusal
from assay_server.pipeline.failures import Code, Failure

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/sandboxz", "/metrics"})
"""What may be asked under any name: probes and scrapers know a server by its address."""

_ANY: Final = "*"
_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Names:
    """The names that a server answers to: those of loopback, and those its operator declares."""

    def __init__(self, listen: str, declared: Iterable[str]) -> None:
        """``listen`` is HOST:PORT; the host counts as declared, unless it stands for every address."""
        own = listen.rpartition(":")[0].strip("[]").lower()
        names = {name.strip("[]").lower() for name in declared}
        self._declared = frozenset(names if own in ("", "0.0.0.0", "::") else names | {own})  # noqa: S104 - compared

    def check(self, headers: Headers) -> None:
        """Raise PERMISSION_DENIED for a request to another name, or from a page of another site."""
        host = headers.get("host", "").lower()
        if not self._answers_to(_without_port(host)):
            message = "this server does not answer to the name in Host; its operator can declare it (ASSAY_HTTP_HOSTS)"
            raise Failure(Code.PERMISSION_DENIED, "HOST_NOT_ALLOWED", message)
        origins = headers.getlist("origin")
        if any(origin.lower() not in (f"http://{host}", f"https://{host}") for origin in origins):
            message = "requests of pages from another site are refused (Origin)"
            raise Failure(Code.PERMISSION_DENIED, "ORIGIN_NOT_ALLOWED", message)

    def _answers_to(self, name: str) -> bool:
        if name == "localhost" or name in self._declared or _ANY in self._declared:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def authorization_of(headers: Headers) -> str:
    """The credentials as the other doors know them.

    Clients that cannot set headers, but can be given a URL, put the token there (``http://assay:TOKEN@host/...``);
    it comes as the password of Basic.
    """
    value = headers.get("authorization", "")
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return value
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return f"Bearer {decoded.partition(':')[2]}"


class Guard:
    """Lets in what :class:`Names` lets in, and puts the headers on every answer that keep browsers from guessing."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] in ("http", "websocket") and scope["path"] not in OPEN_PATHS:
            try:
                self._names.check(Headers(scope=scope))
            except Failure as failure:
                await self._refuse(failure, scope, receive, answer)
                return
        await self._app(scope, receive, answer)

    async def _refuse(self, failure: Failure, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(failure)(scope, receive, send)
