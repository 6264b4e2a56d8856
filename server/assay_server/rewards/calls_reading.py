"""Finding the calls in what a model said: tags, fences, the whole text, or within prose.

Linear in the text: tags and fences are found in one pass, and at most :data:`_MOST_PLACES` places are tried in prose.
What looks like a call and cannot be read is an error, so that it is never taken for the decision not to call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.sdk import Json, Sample
from assay.sdk.values import value
from assay_server.rewards.calls_literals import Call, LiteralReader, UnreadableCall
from assay_server.rewards.calls_values import Names, arguments_of, calls_in, decode
from assay_server.rewards.regions import without_thoughts

_TAG_OPEN = re.compile(r"<(tool_call|tool_calls|function_call|functioncall|tools?)>|\[TOOL_CALLS\]|<\|python_tag\|>")
_FENCE = re.compile(r"```(?:([\w+-]*+)[ \t]*+\n)?(.*?)(?:```|\Z)", re.DOTALL)
_MARKUP = re.compile(
    r"</?(?:tool_call|function|tool_use|invoke)\w*\b|<\|tool|<\uff5ctool|\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|[\"'](?:arguments|parameters|tool_calls|function_call|tool_name)[\"']\s{0,9}:"
    r"|(?<![\w.])[A-Za-z_][\w.]{2,99}+\(\s{0,99}+[A-Za-z_]\w{0,99}+\s{0,99}+=(?!=)"
    r"|\{\s{0,99}[\"'](?:name|function|tool)[\"']\s{0,9}:|^\s{0,9}Action Input:",
    re.IGNORECASE | re.MULTILINE,
)
_STARTS_CALL = re.compile(r"\s*+\[?\s*+([A-Za-z_][\w.]*+)\(\s*+(?:[A-Za-z_]\w*+\s*+=(?!=)|)")
_CONTINUES = re.compile(r"\s*+[,;]?\s*+(?=[A-Za-z_][\w.]*+\()")
_JSON_START = re.compile(r"\[\s*+\{|\{")
_BETWEEN = re.compile(r"[\s;,]*+")
_SPEECH = frozenset(("", "json", "jsonc", "python", "py", "tool_code", "tool_call", "tool_calls", "xml", "text"))
_MOST_PLACES = 16
_MOST_CALLS = 64


@value
class Found:
    """What was found.

    Attributes:
        calls: in the order in which they stand.
        method: ``structured``, ``tag``, ``fence``, ``json``, ``python``, ``prose``, or empty where there is none.
        problem: why something that tries to be a call is none; there are no calls then.
    """

    calls: Sequence[Call]
    method: str = ""
    problem: str = ""


def calls_of(sample: Sample, names: Names) -> Found:
    """The calls of a rollout: its structured ones of all steps where there are any, else those in the response."""
    structured = [call for step in sample.steps for call in step.tool_calls]
    try:
        if structured:
            return Found(
                [Call(call.name, arguments_of(call.name, call.arguments)) for call in structured], "structured"
            )
        text = without_thoughts(sample.response)
        if text is None:
            return Found((), problem="a thought that is never closed")
        found = _calls_in_text(text, names)
    except UnreadableCall as error:
        return Found((), "structured" if structured else "", str(error))
    if len(found.calls) > _MOST_CALLS:
        return Found((), found.method, f"more than {_MOST_CALLS} calls")
    if not found.calls and sample.truncated:
        return Found((), found.method, "the response was cut off before it ended")
    return found


def _calls_in_text(text: str, names: Names) -> Found:
    """What stands alone goes before what stands among words; a failed attempt counts where no call is found."""
    problem: UnreadableCall | None = None
    try:
        found = _alone(text.strip(), names)
        if found is not None:
            return found
    except UnreadableCall as error:
        problem = error
    try:
        found = _among_words(text, names)
    except UnreadableCall as error:
        raise (problem or error) from None
    if problem is not None and not found.calls:
        raise problem
    return found


def _alone(text: str, names: Names) -> Found | None:
    if text[:1] in ("{", "[") and not text.startswith("[TOOL_CALLS]"):
        return _whole(text, names)
    calls = _python_calls(text, names) if _STARTS_CALL.match(text) else None
    return None if calls is None else Found(calls, "python")


def _among_words(text: str, names: Names) -> Found:
    tag = _TAG_OPEN.search(text) if "<" in text or "[T" in text else None
    if tag is not None:
        return Found(_tagged(text, tag, names), "tag")
    fenced = _fenced(text, names) if "```" in text else None
    return fenced or _in_prose(text, names)


def _whole(text: str, names: Names) -> Found | None:
    """A text that is nothing but JSON or bracketed Python calls; None where it is something else."""
    values = None if _STARTS_CALL.match(text) is not None else _json_values(text)
    if values is None:
        written = _python_calls(text, names)
        return None if written is None else Found(written, "python")
    calls: list[Call] = []
    for each in values:
        made = calls_in(each, names)
        if made is None:
            return Found((), "json")
        calls += made
    return Found(calls, "json")


def _json_values(text: str) -> list[Json] | None:
    """All values of a text that is nothing but JSON values; None where it is something else."""
    values: list[Json] = []
    position = 0
    while position < len(text) and len(values) <= _MOST_CALLS:
        try:
            found, end = decode(text, position)
        except UnreadableCall:
            return None
        values.append(found)
        between = _BETWEEN.match(text, end)
        position = end if between is None else between.end()
    return values


def _python_calls(text: str, names: Names) -> list[Call] | None:
    """The calls of a text that is nothing but Python calls, or a literal that is a call; None for anything else.

    Raises:
        UnreadableCall: it starts as a call does and cannot be read.
    """
    calls: list[Call] | None
    try:
        reader = LiteralReader(text)
        if reader.peek() in ("[", "{") and not _STARTS_CALL.match(text):
            calls = calls_in(reader.literal(), names)
        else:
            calls = _sequence(reader)
        if reader.peek() or _BETWEEN.fullmatch(text, reader.end) is None:
            raise UnreadableCall(f"text after a call: {text[reader.end : reader.end + 20]!r}")
    except UnreadableCall:
        if _tries(text, names):
            raise
        return None
    return calls


def _sequence(reader: LiteralReader) -> list[Call]:
    """``[f(), g()]`` or ``f(), g()`` or one call per line."""
    bracket = reader.took("[")
    calls = [reader.call()]
    while len(calls) <= _MOST_CALLS:
        if reader.took(","):
            if bracket and reader.peek() == "]":
                break
        elif bracket or reader.peek() != "name":
            if not reader.took(";"):
                break
            if reader.peek() != "name":
                break
        calls.append(reader.call())
    if bracket:
        reader.take("]")
    return calls


def _tries(text: str, names: Names) -> bool:
    """Whether a text that is no call looks like the attempt at one."""
    start = _STARTS_CALL.match(text)
    if start is not None and (start[0].endswith("=") or start[1] in names):
        return True
    if _MARKUP.search(text) is not None:
        return True
    return any(_tries_name(text, name) for name in names if name in text)


def _tries_name(text: str, name: str) -> bool:
    if text.strip(" \t\n`\"'.:;[](){}") == name:
        return True
    forms = (f"{name}(", f"{name}{{", f"{name} {{", f"{name}:{{", f"{name}: {{", f"={name}", f"<{name}", f': "{name}"',
             f":\"{name}\"", f"'{name}'", f"Action: {name}", f"functions.{name}")  # fmt: skip
    return any(form in text for form in forms)


def _tagged(text: str, first: re.Match[str], names: Names) -> list[Call]:
    """Every tag must hold calls; the last may be left open, as where its closing tag is a stop word."""
    calls: list[Call] = []
    tag: re.Match[str] | None = first
    while tag is not None:
        closing = f"</{tag[1]}>" if tag[1] else ""
        closed = text.find(closing, tag.end()) if closing else -1
        end = closed if closed != -1 else len(text)
        inner = text[tag.end() : end].removesuffix("</s>").strip()
        found = _calls_in_block(inner, names)
        if not found and inner not in ("[]", ""):
            raise UnreadableCall(f"no call in a tag: {inner[:40]!r}")
        if not inner:
            raise UnreadableCall("a tag for a call with nothing in it")
        calls += found or ()
        tag = _TAG_OPEN.search(text, end)
    return calls


def _calls_in_block(text: str, names: Names) -> Sequence[Call] | None:
    if text[:1] in ("{", "["):
        found = _whole(text, names)
        return None if found is None else found.calls
    if "```" in text:
        fenced = _fenced(text, names)
        return None if fenced is None else fenced.calls
    return _python_calls(text, names)


def _fenced(text: str, names: Names) -> Found | None:
    """The calls of all fenced blocks; None where no block is about calls."""
    calls: list[Call] = []
    rest: list[str] = []
    position = 0
    for block in _FENCE.finditer(text):
        rest.append(text[position : block.start()])
        position = block.end()
        inner = block[2].strip()
        found = _calls_in_block(inner, names) if (block[1] or "").lower() in _SPEECH else None
        if found is None and _tries(inner, names):
            raise UnreadableCall(f"no call in a fenced block: {inner[:40]!r}")
        calls += found or ()
    if calls:
        return Found(calls, "fence")
    rest.append(text[position:])
    return _in_prose("\n".join(rest), names)


def _in_prose(text: str, names: Names) -> Found:
    """Calls within sentences: JSON objects that are calls, and declared names with arguments."""
    calls: list[Call] = []
    spans: list[tuple[int, int]] = []
    for start in _json_places(text):
        if spans and start < spans[-1][1]:
            continue
        try:
            found, end = decode(text, start)
        except UnreadableCall:
            continue
        calls += calls_in(found, names) or ()
        spans.append((start, end))
    text = _blanked(text, spans)
    spans = []
    for start in _python_places(text, names):
        if not spans or start >= spans[-1][1]:
            read, end = _run_of_calls(text, start)
            calls += read
            spans.append((start, end))
    if _tries(_blanked(text, spans), names):
        raise UnreadableCall("the response tries to call a function in a form that cannot be read")
    return Found(calls, "prose" if calls else "")


def _json_places(text: str) -> list[int]:
    places: list[int] = []
    if "{" in text:
        for match in _JSON_START.finditer(text):
            places.append(match.start())
            if len(places) == _MOST_PLACES:
                break
    return places


def _python_places(text: str, names: Names) -> list[int]:
    """Where a declared name is followed by its bracket; at the list's own bracket where it starts a list."""
    places: set[int] = set()
    for name in names:
        at = text.find(f"{name}(")
        while at != -1 and len(places) <= _MOST_PLACES:
            if not at or not (text[at - 1].isalnum() or text[at - 1] in "_."):
                before = text[:at].rstrip() if at < _MOST_CALLS else text[at - _MOST_CALLS : at].rstrip()
                places.add(at - (min(at, _MOST_CALLS) - len(before)) - 1 if before.endswith("[") else at)
            at = text.find(f"{name}(", at + 1)
    return sorted(places)[:_MOST_PLACES]


def _run_of_calls(text: str, start: int) -> tuple[list[Call], int]:
    if text[start] == "[":
        reader = LiteralReader(text, start)
        return _sequence(reader), reader.end
    calls: list[Call] = []
    end = start
    while len(calls) <= _MOST_CALLS:
        reader = LiteralReader(text, end)
        calls.append(reader.call())
        end = reader.end
        more = _CONTINUES.match(text, end)
        if more is None:
            break
        end = more.end()
    return calls, end


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    kept = 0
    for start, end in spans:
        parts += (text[kept:start], " ")
        kept = end
    return "".join((*parts, text[kept:])) if parts else text
