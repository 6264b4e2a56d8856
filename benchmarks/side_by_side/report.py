"""The page of all comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HEAD = """\
# Side by side

This project beside what people use instead, each in one run on one machine. Others' packages come from the package
index, at their newest versions, and are used as their own documentation says. To repeat it: `make side-by-side`,
with `ONLY="math"` for one and `GAMES=folder` for a folder of ALFWorld's games; it writes this page, its pictures
and every number to `out/side-by-side`. Figures are of the machine and the load that stand below each table: compare
rows of one table, not tables of different runs.
"""


def report(folder: Path, names: Sequence[str]) -> str:
    """The sections that have been measured, in order."""
    sections = [folder / f"{name}.md" for name in names]
    return "\n".join([HEAD, *(place.read_text(encoding="utf-8") for place in sections if place.exists())])
