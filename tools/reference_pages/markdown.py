"""Words for Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `make reference`; change what it describes, not this page. -->"


def page(title: str, introduction: str, sections: Iterable[str]) -> str:
    """A page with a heading; sections are separated by blank lines."""
    parts = [GENERATED, f"# {title}", introduction.strip(), *(section.strip() for section in sections)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where there are no rows."""
    lines = [f"| {' | '.join(cells(row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *lines])


def cells(row: Sequence[str]) -> list[str]:
    """Texts as they may stand in a table."""
    return [" ".join(cell.split()).replace("|", "\\|") for cell in row]


def prose(text: str) -> str:
    """A docstring as Markdown: reStructuredText's marks become code, its sections small headings."""
    text = indented_lists(text)
    text = re.sub(r":(?:class|meth|func|mod|attr):`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return re.sub(r"^(Args|Raises|Attributes|Returns|Yields):$", r"*\1*", text, flags=re.MULTILINE)


def indented_lists(text: str) -> str:
    """A docstring whose indented ``name: meaning`` lines become list items."""
    lines: list[str] = []
    for line in text.splitlines():
        item = re.match(r"^ {4}(\*{0,2}[\w., ]+(?: \(\w+\))?): (.*)$", line)
        if item:
            if lines and lines[-1] and not lines[-1].startswith("- "):
                lines.append("")
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif line.startswith("    ") and lines and lines[-1].startswith(("- ", "  ")):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines)
