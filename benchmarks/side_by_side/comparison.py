"""What a comparison comes to, and how it is written down."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.sdk import Json
from benchmarks.drawing.svg import bars


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars: by group the numbers by name."""

    title: str
    groups: Mapping[str, Mapping[str, float]]
    unit: str
    logarithmic: bool = True


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison.

    Attributes:
        method: how it was measured, in whole sentences.
        tables: by caption the rows, the first of which has the heads.
        raw: every number behind the tables.
        missing: what could not be measured here, and why.
    """

    name: str
    title: str
    method: str
    tables: Mapping[str, Sequence[Sequence[str]]]
    picture: Picture
    raw: Mapping[str, Json]
    missing: Sequence[str] = field(default=())


def write(comparison: Comparison, out: Path, load: float) -> str:
    """Writes picture and raw numbers; the section of the report."""
    out.mkdir(parents=True, exist_ok=True)
    machine: dict[str, Json] = {
        "cores": os.cpu_count() or 1,
        "loadBefore": round(load, 2),
        "loadAfter": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "when": time.strftime("%Y-%m-%d %H:%M"),
    }
    raw = {"machine": machine, "missing": list(comparison.missing), **comparison.raw}
    (out / f"{comparison.name}.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    picture = comparison.picture
    drawn = bars(picture.title, picture.groups, picture.unit, logarithmic=picture.logarithmic)
    (out / f"{comparison.name}.svg").write_text(drawn, encoding="utf-8")
    text = section(comparison, machine)
    (out / f"{comparison.name}.md").write_text(text, encoding="utf-8")
    return text


def section(comparison: Comparison, machine: Mapping[str, Json]) -> str:
    """Title, method, tables, picture, and what is missing."""
    parts = [f"## {comparison.title}", comparison.method]
    for caption, rows in comparison.tables.items():
        parts += [f"*{caption}*", lines(rows)]
    parts.append(f"![{comparison.picture.title}](side-by-side/{comparison.name}.svg)")
    parts += [f"Not measured: {reason}" for reason in comparison.missing]
    parts.append(
        f"Measured {machine['when']} on {machine['cores']} cores, load average {machine['loadBefore']} before and "
        f"{machine['loadAfter']} after; [raw numbers](side-by-side/{comparison.name}.json)."
    )
    return "\n\n".join(parts) + "\n"


def lines(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    head, *body = rows
    ruled = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruled, *body))
