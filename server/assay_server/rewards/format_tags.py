"""``reward/format_tags``: are the tags there, once each, in order, and not inside each other?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.sdk import Evidence, Sample, Score, Unscorable, reward

_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MOST_VIOLATIONS = 20
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9_-]{0,63})>")


@reward(
    "reward/format_tags-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("format_tags",),
    source="reward/format_tags (TON, OThink-MR1)",
)
def format_tags(
    sample: Sample,
    *,
    tags: Sequence[str] = ("think", "answer"),
    may_be_empty: Sequence[str] = (),
    optional: Sequence[str] = (),
    allow_text_outside: bool = False,
) -> Score:
    """1 where the response is exactly these tags, once each and in this order, else 0 with the violations.

    ``may_be_empty``: tags whose content may be blank, e.g. an empty thought. ``optional``: tags that may be absent.
    ``allow_text_outside``: text between and around the tags is no violation. Components: 1 per tag that is sound.
    Other tags are content.
    """
    if not tags or len(set(tags)) < len(tags) or not all(map(_TAG_NAME.fullmatch, tags)):
        raise Unscorable("INVALID_PARAMETER", f"tags: expected distinct tag names, got {list(tags[:10])}")
    violations, sound = _check(sample.response, tags, set(may_be_empty), set(optional), allow_text_outside)
    reason = "well formed" if not violations else violations[0]
    evidence = Evidence(reason=reason, layer="tags", detail={"violations": [*violations[:_MOST_VIOLATIONS]]})
    components = {name: float(name in sound) for name in tags}
    return Score(0.0 if violations else 1.0, evidence=evidence, components=components)


def _check(
    text: str, tags: Sequence[str], may_be_empty: set[str], optional: set[str], text_outside: bool
) -> tuple[list[str], set[str]]:
    marks = [mark for mark in _TAG.finditer(text) if mark[2] in tags]
    problems: dict[str, list[str]] = {name: [] for name in tags}
    outside: list[str] = []
    opened: re.Match[str] | None = None
    position = 0
    seen: list[str] = []
    for mark in marks:
        name = mark[2]
        if mark[1]:
            problem = _closing_problem(text, opened, mark, may_be_empty)
            problems[name] += problem
            if opened is None:
                outside.append(text[position : mark.start()])
            opened = None if opened is not None and opened[2] == name else opened
        elif opened is not None:
            problems[name].append(f"<{name}> inside <{opened[2]}>")
        else:
            outside.append(text[position : mark.start()])
            opened = mark
            seen.append(name)
        position = mark.end()
    if opened is not None:
        problems[opened[2]].append(f"<{opened[2]}> is not closed")
    outside.append("" if opened is not None else text[position:])
    for name in tags:
        problems[name] += _count_problem(name, seen.count(name), name in optional)
    order = [name for name in tags if name in seen]
    found = list(dict.fromkeys(seen))
    general = [] if found == order else [f"order is {', '.join(found)}"]
    if not text_outside and any(part.strip() for part in outside):
        general.append("text outside the tags")
    return [item for name in tags for item in problems[name]] + general, {
        n for n in tags if not problems[n] and n in seen
    }


def _closing_problem(text: str, opened: re.Match[str] | None, mark: re.Match[str], may_be_empty: set[str]) -> list[str]:
    name = mark[2]
    if opened is None:
        return [f"</{name}> was not opened"]
    if opened[2] != name:
        return [f"</{name}> inside <{opened[2]}>"]
    if name not in may_be_empty and not text[opened.end() : mark.start()].strip():
        return [f"<{name}> is empty"]
    return []


def _count_problem(name: str, count: int, optional: bool) -> list[str]:
    if count > 1:
        return [f"<{name}> occurs {count} times"]
    return [] if count or optional else [f"<{name}> is missing"]
