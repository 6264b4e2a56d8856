# pyright: basic, reportMissingImports=false
# MkDocs is not installed where types are checked.
"""What MkDocs does besides: links to files outside of docs lead to copies of them in the site.

The site is read without a network and without the repository beside it, so a page that names an example or a contract
file carries it along as a page of its own.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".sh": "bash", ".yaml": "yaml", ".yml": "yaml", ".proto": "protobuf", ".toml": "toml"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages that the navigation does not name stand at its end, so that none is out of reach."""
    assert config.nav is not None
    named = set(re.findall(r"[\w./-]+\.md", str(config.nav)))
    unnamed = sorted(path.name for path in DOCS.glob("*.md") if path.name not in named)
    if unnamed:
        config.nav.append({"Further": list(unnamed)})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each file outside of docs that a page links to."""
    for outside in sorted({found for file in files.documentation_pages() for found in outside_of(file)}):
        files.append(File.generated(config, page_of(outside), content=shown(outside)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links to files outside of docs to their pages."""
    folder = posixpath.dirname(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        target = inside(folder, match["path"])
        if not target.startswith("../"):
            return match[0]
        return f"]({posixpath.relpath(page_of(target.removeprefix('../')), folder or '.')}{match['anchor'] or ''})"

    return LINK.sub(turned, markdown)


def outside_of(file: File) -> set[str]:
    """Paths from the repository's root that a page names and that are not in docs."""
    folder = posixpath.dirname(file.src_uri)
    targets = {inside(folder, match["path"]) for match in LINK.finditer(file.content_string)}
    return {target.removeprefix("../").rstrip("/") for target in targets if target.startswith("../")}


def inside(folder: str, link: str) -> str:
    """A link of a page, from the folder of documentation."""
    return posixpath.normpath(posixpath.join(folder, link))


def page_of(path: str) -> str:
    """Where the page of a file outside of docs is."""
    return f"source/{path.rstrip('/')}.md"


def shown(path: str) -> str:
    """The page: a file's text, or a folder's list."""
    place = ROOT / path
    if not place.exists():
        raise FileNotFoundError(f"a page of docs links to {path}, which does not exist")
    if place.is_dir():
        names = sorted(one.name for one in place.iterdir() if one.is_file() and not one.name.startswith("."))
        return f"---\nhide: [toc]\n---\n# {path}\n\n" + "".join(f"- `{name}`\n" for name in names)
    text = place.read_text(encoding="utf-8")
    if place.suffix == ".md":
        return f"# {path}\n\n" + fenced(text, "markdown")
    return f"---\nhide: [toc]\n---\n# {path}\n\n" + fenced(text, LANGUAGES.get(place.suffix, "text"))


def fenced(text: str, language: str) -> str:
    """A block of code that may hold blocks of code."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
