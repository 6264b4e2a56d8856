"""What the console's files keep to, so that no text becomes markup and nothing is fetched from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from assay_server.console.pages import POLICY, assets
from assay_server.console.report import joined_modules

SCRIPTS = sorted(name for name in assets() if name.endswith(".js"))
TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
IMPORT = re.compile(r'^import \{ [\w, ]+ \} from "\./([a-z_]+\.js)";$')
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
    r"|\beval\(|new Function|setTimeout\(\s*[\"'`]|javascript:|\.cssText|[\"']style[\"']|\bstyle:"
)
ELSEWHERE = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+")


def text(name: str) -> str:
    return assets()[name].content.decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_text(name: str):
    assert not MARKUP.findall(text(name))


@pytest.mark.parametrize("name", sorted(assets()))
def test_nothing_comes_from_elsewhere(name: str):
    assert [found for found in ELSEWHERE.findall(text(name)) if "www.w3.org" not in found] == []
    assert "@import" not in text(name)


def test_the_page_has_nothing_inline():
    page = text("index.html")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert not re.search(r"<style|\son\w+=|\sstyle=", page)
    named = set(re.findall(r'(?:src|href)="/console/([^"]*)"', page))
    assert named - {""} == set(assets()) - {"index.html", "report.js"}  # all at once: no module waits for another


@pytest.mark.parametrize("name", SCRIPTS)
def test_imports_are_lines_that_name_a_file_of_the_console(name: str):
    for line in text(name).splitlines():
        if line.startswith("import") or ' from "' in line:
            found = IMPORT.match(line)
            assert found, line
            assert found[1] in assets()


def test_modules_that_are_joined_declare_every_name_once():
    counts = Counter(TOP_LEVEL.findall(joined_modules("report.js")))
    assert counts["runView"] == 1
    assert {name for name, count in counts.items() if count > 1} == set()
    assert not re.search(r"^(?:import|export) ", joined_modules("report.js"), re.MULTILINE)


def test_the_policy_allows_nothing_inline():
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    for directive in (
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "require-trusted-types-for 'script'",
    ):
        assert directive in POLICY


def test_the_icon_is_an_image_without_a_script():
    root = ET.fromstring(text("icon.svg"))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "path"}
