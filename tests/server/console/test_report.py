from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path

from assay_server.console.questions import Questions
from assay_server.console.report import report_page
from assay_server.console.sqlite_records import SqliteRecords

from .conftest import HOSTILE


class Parts(html.parser.HTMLParser):
    """The elements of a page, and what is in its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.addresses: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside in self.texts:
            self.texts[self._inside].append(data)


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_a_report_holds_all_it_needs_and_nothing_can_be_slipped_in(store: Path):
    records = SqliteRecords(store)
    told = Questions(records).answer("whole_run", "local", {"run": "answers"}) | {"planted": HOSTILE}
    records.close()
    page, policy = report_page(json.dumps(told, ensure_ascii=False).encode())
    parts = Parts(page)
    assert parts.tags.count("script") == 2
    assert parts.addresses == []
    numbers, script = parts.texts["script"]
    assert json.loads(numbers)["planted"] == HOSTILE
    assert "\u2028" not in page
    assert f"script-src {digest(script)};" in policy
    assert f"style-src {digest(parts.texts['style'][0])};" in policy
    assert policy in page
    assert "unsafe" not in policy
    assert not re.search(r"\son\w+=\"", page.partition("<script>")[0])
    assert [prompt["promptId"] for prompt in json.loads(numbers)["prompts"]["prompts"]]
