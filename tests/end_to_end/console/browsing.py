"""A server with real runs, and pages that write down what they should not do."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast
from urllib.parse import urlencode

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from assay import Client

from .runs import stream_runs

_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"
_STOP_SECONDS = 60.0

Look = Literal["light", "dark", "phone"]
Finding = dict[str, object]


@dataclass(frozen=True, slots=True)
class Site:
    """A server of its own process: its HTTP door, its gRPC door, its token."""

    origin: str
    target: str
    token: str

    def address(self, page: str = "", **parameters: str) -> str:
        """The address of a page of the console."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.origin}/console/#/{page}{query}"


@contextmanager
def site(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Generator[Site]:
    """A server with the runs of :func:`stream_runs` in its store, and a database ``shop``.

    Args:
        settings: other ones, as variables.
    """
    environment = {
        **os.environ,
        "ASSAY_LISTEN": "127.0.0.1:0",
        "ASSAY_HTTP_LISTEN": "127.0.0.1:0",
        "ASSAY_STORE": f"sqlite:{folder / 'assay.db'}",
        "ASSAY_TOKEN_FILE": str(folder / "token"),
        "ASSAY_DATABASES": str(_databases(folder)),
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _ASSAY, "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            said = _serving(process)
            token = (folder / "token").read_text(encoding="ascii").strip()
            with Client(str(said["grpc"]), token=token) as client:
                stream_runs(client)
            yield Site(f"http://{said['http']}", str(said["grpc"]), token)
        finally:
            process.terminate()
            process.communicate(timeout=_STOP_SECONDS)


def _databases(folder: Path) -> Path:
    """A catalogue with one database: three things and what they cost."""
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop:
        shop.executescript(
            "CREATE TABLE things (name TEXT, price INTEGER);"
            "INSERT INTO things VALUES ('lamp', 30), ('chair', 55), ('table', 120);"
        )
    catalogue = folder / "databases.toml"
    catalogue.write_text('[databases.shop]\npath = "shop.sqlite"\n', encoding="utf-8")
    return catalogue


def _serving(process: subprocess.Popen[str]) -> Mapping[str, object]:
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        try:
            event = cast("dict[str, object]", json.loads(line))
        except ValueError:
            continue
        if event.get("event") == "serving":
            return event
    raise AssertionError(f"the server did not start: {lines}")


@dataclass(slots=True)
class Visit:
    """A page of the console in a browser, signed in.

    Attributes:
        wrong: errors and warnings of its console, faults of its scripts, requests to another origin.
    """

    site: Site
    page: Page
    folder: Path
    wrong: list[str] = field(default_factory=list[str])

    def open(self, page: str = "", **parameters: str) -> None:
        """Go to a page and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(self.site.address(page, **parameters))
        self.page.wait_for_selector("main h1")

    def text(self) -> str:
        """What a reader sees of the page's content."""
        return self.page.inner_text("main")

    def keep(self, name: str) -> None:
        """A screenshot of the whole page, for people."""
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)

    def accessibility(self) -> list[str]:
        """Serious and critical findings by the rules of axe-core."""
        self.page.evaluate(AXE_SCRIPT)
        found = cast("dict[str, list[Finding]]", self.page.evaluate("axe.run({resultTypes: ['violations']})"))
        return [
            f"{one['id']}: {[cast('Finding', node)['html'] for node in cast('list[object]', one['nodes'])][:3]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def is_wider_than_the_screen(self) -> bool:
        """Whether a reader would have to scroll sideways."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        )


@contextmanager
def visiting(
    browser: Browser, at: Site, folder: Path, look: Look = "light", *, signed_in: bool = True
) -> Generator[Visit]:
    """A visit in a browser profile of its own; at its end nothing may have gone wrong."""
    context = browser.new_context(
        viewport={"width": 375, "height": 800} if look == "phone" else {"width": 1200, "height": 900},
        color_scheme="dark" if look == "dark" else "light",
        is_mobile=look == "phone",
        has_touch=look == "phone",
        accept_downloads=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)
    if signed_in:
        token = json.dumps(at.token)
        context.add_init_script(f"location.protocol === 'http:' && sessionStorage.setItem('assay.token', {token})")
    page = context.new_page()
    visit = Visit(at, page, folder)

    def noted(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.wrong.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((f"{at.origin}/", "about:", "blob:")):
            visit.wrong.append(f"request to {request.url}")

    page.on("console", noted)
    page.on("pageerror", lambda error: visit.wrong.append(f"fault: {error}"))
    page.on("request", asked)
    try:
        yield visit
        assert visit.wrong == []
    finally:
        context.close()
