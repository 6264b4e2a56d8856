"""Line charts with bands and bar charts as SVG text: light and dark pages alike, nothing to load."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#3b6fb6", "#d1642b", "#3a8f5c", "#8a56a8", "#b8860b", "#2a9d9d", "#c0417f", "#777777")
GREY = "#888888"
WIDE, NARROW, BARS = 720.0, 380.0, 760.0
LEFT, ROW = 46.0, 18
TEXT = 'font-family="system-ui, sans-serif"'


@dataclass(frozen=True, slots=True)
class Line:
    """A curve with an interval around it.

    Attributes:
        low, high: as long as ``values``, or empty for a curve without a band.
    """

    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart's numbers lie on the page."""

    left: float
    top: float
    width: float
    height: float
    across: float
    most: float

    def x(self, value: float) -> float:
        """Of a number on the horizontal axis, which begins at 0."""
        return self.left + self.width * value / max(self.across, 1e-9)

    def y(self, value: float) -> float:
        """Of a number on the vertical axis, which begins at 0."""
        return self.top + self.height * (1 - min(max(value, 0.0), self.most) / self.most)


def curves(panels: Mapping[str, Mapping[str, Line]], across: str) -> str:
    """Charts beside each other, one a panel, with one legend.

    Args:
        panels: by title the lines by name; values from 0 upwards.
        across: what the horizontal axis counts.
    """
    width, height = (WIDE if len(panels) == 1 else NARROW), 300
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    parts: list[str] = []
    for place, (title, lines) in enumerate(panels.items()):
        longest = max(len(line.values) for line in lines.values())
        most = rounded_up(max(max((*line.values, *line.high), default=0.0) for line in lines.values()))
        frame = Frame(place * width + 46, 34, width - 66, height - 90, longest - 1, most)
        parts += axes(frame, title, f"{across} (1 to {longest})")
        for name, line in lines.items():
            parts += drawn(frame, line, colour[name])
    across_all = width * len(panels)
    parts += legend(colour, height - 16, across_all)
    rows = max(row for _, row in placed(colour, across_all).values())
    return page(across_all, height + ROW * rows, ", ".join(panels), parts)


def bars(title: str, groups: Mapping[str, Mapping[str, float]], unit: str, *, logarithmic: bool = False) -> str:
    """Horizontal bars in groups, each with its number.

    Args:
        groups: by group the values by name; every value is above 0 where ``logarithmic``.
        unit: what the numbers are.
    """
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    largest = max(value for values in groups.values() for value in values.values())
    smallest = min(value for values in groups.values() for value in values.values())
    left, room, line = 250, 360, 18
    parts = [f'<text x="12" y="22" font-size="14" font-weight="600" {TEXT} fill="{GREY}">{escape(title)}</text>']
    y = 40
    for group, values in groups.items():
        parts.append(label(left - 10, y + line * len(values) / 2 + 4, group, anchor="end"))
        for name, value in values.items():
            length = room * share_of(value, smallest, largest, logarithmic=logarithmic)
            parts.append(
                f'<rect x="{left}" y="{y}" width="{max(length, 1):.1f}" height="{line - 4}" fill="{colour[name]}"/>'
            )
            parts.append(label(left + length + 6, y + 11, shown(value)))
            y += line
        y += 10
    if len(names) > 1:
        parts += legend(colour, y + 22, BARS)
    scale = ", logarithmic" if logarithmic else ""
    parts.append(label(left, y + 4, f"{unit}{scale}"))
    return page(BARS, y + 34, title, parts)


def shown(value: float) -> str:
    """With three digits at least, and without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def share_of(value: float, smallest: float, largest: float, *, logarithmic: bool) -> float:
    """How much of the longest bar a value gets, in [0, 1]; a logarithmic axis begins a decade below the smallest."""
    if largest <= 0.0:
        return 0.0
    if not logarithmic:
        return value / largest
    begin = math.log10(smallest) - 1
    return (math.log10(value) - begin) / (math.log10(largest) - begin)


def rounded_up(value: float) -> float:
    """A round number that is at least as large, to end an axis at."""
    if value <= 0.0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= value * (1 - 1e-9))


def axes(frame: Frame, title: str, across: str) -> Iterator[str]:
    """The frame of one chart, its title and its numbers."""
    right, bottom = frame.left + frame.width, frame.top + frame.height
    yield (
        f'<text x="{frame.left}" y="{frame.top - 14}" font-size="13" font-weight="600" {TEXT} fill="{GREY}">'
        f"{escape(title)}</text>"
    )
    for part in range(5):
        value = frame.most * part / 4
        y = frame.y(value)
        yield (
            f'<line x1="{frame.left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{GREY}" stroke-opacity="0.25"/>'
        )
        yield label(frame.left - 6, y + 4, f"{value:g}", anchor="end")
    yield label(right, bottom + 18, across, anchor="end")


def drawn(frame: Frame, line: Line, colour: str) -> Iterator[str]:
    """A curve, and its band behind it."""
    if line.low:
        upper = [(place, value) for place, value in enumerate(line.high)]
        lower = [(place, value) for place, value in enumerate(line.low)]
        points = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in [*upper, *reversed(lower)])
        yield f'<polygon points="{points}" fill="{colour}" fill-opacity="0.13"/>'
    points = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in enumerate(line.values))
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def legend(colour: Mapping[str, str], y: float, width: float) -> Iterator[str]:
    """Names with their colours, in as many rows as they need."""
    for name, (x, row) in placed(colour, width).items():
        line = y + ROW * row
        yield f'<rect x="{x:.0f}" y="{line - 9}" width="14" height="9" fill="{colour[name]}"/>'
        yield label(x + 20, line, name)


def placed(names: Iterable[str], width: float) -> dict[str, tuple[float, int]]:
    """By name where its entry begins, and in which row."""
    found: dict[str, tuple[float, int]] = {}
    x, row = LEFT, 0
    for name in names:
        taken = 40 + 7.2 * len(name)
        if x > LEFT and x + taken > width:
            x, row = LEFT, row + 1
        found[name] = (x, row)
        x += taken
    return found


def label(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    """A small text."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" {TEXT} fill="{GREY}">{escape(text)}</text>'


def page(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """The whole picture, with its title for those who do not see it."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>\n"
    )
