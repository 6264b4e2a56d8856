"""The documentation site: links and anchors lead somewhere, no page is out of reach, what is generated is current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import cast

import pytest
import yaml
from pydantic import TypeAdapter

from benchmarks.reproduction.curves import Raw
from benchmarks.reproduction.plan import read_plan
from benchmarks.reproduction.report import report
from benchmarks.reproduction.running import jobs
from tools.reference_pages.contract import GENERATOR, contract_pages
from tools.reference_pages.pages import declared_pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
TARGET = re.compile(r"\]\((?!https?:)([^)#\s]+)")
FENCED = re.compile(r"^(`{3,}).*?^\1\s*$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^( *)```python[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
RUNNABLE = [page for page in PAGES if page.parent.name in {"how-to", "migration"}]


def named(page: Path) -> str:
    return str(page.relative_to(DOCS))


def python_blocks(page: Path) -> list[str]:
    return [dedent(block) for _, block in PYTHON.findall(page.read_text())]


@cache
def anchors(page: Path) -> frozenset[str]:
    """As Python-Markdown's table of contents names headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
        found.append(slug if slug not in found else f"{slug}_{found.count(slug)}")
    return frozenset(found)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != DOCS], ids=named)
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = FENCED.sub("", page.read_text())
    assert [link for link in TARGET.findall(text) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_anchor_is_a_heading(page: Path) -> None:
    links = [
        (path, anchor)
        for path, anchor in LINK.findall(FENCED.sub("", page.read_text()))
        if not path or path.endswith(".md")
    ]
    aims = [((page.parent / path).resolve() if path else page, anchor) for path, anchor in links]
    assert [f"{aim.name}#{anchor}" for aim, anchor in aims if aim.exists() and anchor not in anchors(aim)] == []


def test_the_navigation_names_pages_that_exist_and_every_page_of_a_section() -> None:
    configured = cast("dict[str, object]", yaml.safe_load((ROOT / "mkdocs.yml").read_text()))
    in_nav = set(re.findall(r"[\w./-]+\.md", str(configured["nav"])))
    assert {page for page in in_nav if not (DOCS / page).exists()} == set()
    # Pages directly in docs that the navigation does not name yet stand under "Further".
    assert {str(page.relative_to(DOCS)) for page in PAGES if page.parent != DOCS} - in_nav == set()


def test_the_site_loads_nothing_of_others() -> None:
    configured = cast("dict[str, dict[str, object]]", yaml.safe_load((ROOT / "mkdocs.yml").read_text()))
    assert configured["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & configured.keys()


@pytest.mark.parametrize("name", sorted(declared_pages()))
def test_the_reference_is_what_the_code_declares(name: str) -> None:
    assert (DOCS / "reference" / name).read_text() == declared_pages()[name], "run make reference"


@pytest.mark.skipif(not GENERATOR.exists(), reason="the stub generator is not installed: run make setup")
def test_the_contracts_pages_are_those_of_the_proto_files() -> None:
    pages = contract_pages()
    stale = [name for name, text in pages.items() if (DOCS / "reference" / name).read_text() != text]
    assert stale == [], "run make reference"
    assert {page.name for page in (DOCS / "reference" / "contract").glob("*.md")} == {Path(name).name for name in pages}


def test_the_reproductions_page_is_what_its_runs_say() -> None:
    plan = read_plan()
    raw = TypeAdapter(Raw).validate_json((DOCS / "reproduction" / "raw.json").read_bytes())
    assert {(run.experiment, run.method, run.seed) for run in raw.runs} == set(jobs(plan))
    assert (DOCS / "reproduction.md").read_text() == report(plan, raw.runs, raw.conditions)


@pytest.mark.parametrize("page", [page for page in RUNNABLE if python_blocks(page)], ids=named)
def test_the_code_of_a_page_is_python(page: Path) -> None:
    for block in python_blocks(page):
        ast.parse(block)


@pytest.mark.full
@pytest.mark.parametrize("page", [page for page in RUNNABLE if python_blocks(page)], ids=named)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for block in python_blocks(page):
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert bool(done.stdout.strip()) is ("print(" in block)


@pytest.mark.full
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    subprocess.run([ROOT / "tools" / "setup-docs"], check=True)
    command = [ROOT / ".venv-docs" / "bin" / "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    home = (tmp_path / "site" / "index.html").read_text()
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//", home)
    assert (tmp_path / "site" / "reference" / "rewards.html").exists()
