"""State tests: what had to change, and that nothing else did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from assay.sdk import Json
from assay_server.environments.apps.world import Record, World

TestKind: TypeAlias = Literal["change", "keep", "policy", "answer", "finished"]
"""What a test asks: something had to change, nothing else did, the policies were kept, the answer, the end."""

_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?")
_OWN = ("told",)


@dataclass(frozen=True, slots=True)
class Mentions:
    """A text that has all of these in it, whatever their case, as words of their own."""

    parts: tuple[str, ...]


Wanted: TypeAlias = "Json | Mentions"


@dataclass(frozen=True, slots=True)
class Made:
    """A record that was not there has these fields; what is not named may be anything."""

    table: str
    fields: Mapping[str, Wanted]


@dataclass(frozen=True, slots=True)
class Changed:
    """What is called so has these fields now; where it was there before, all others are as they were."""

    table: str
    key: str
    fields: Mapping[str, Wanted]


@dataclass(frozen=True, slots=True)
class Gone:
    """A record is no longer there."""

    table: str
    key: str


Expectation: TypeAlias = Made | Changed | Gone


@dataclass(frozen=True, slots=True)
class StateTest:
    """One test and what came of it; ``detail`` says what was found where it failed."""

    name: str
    kind: TestKind
    passed: bool
    detail: str = ""

    def told(self) -> dict[str, Json]:
        """As JSON."""
        return {"name": self.name, "kind": self.kind, "passed": self.passed, "detail": self.detail}


def state_tests(world: World, expected: Sequence[Expectation]) -> list[StateTest]:
    """A test for each expectation, in order, and one for all the rest."""
    left = {(table, key): record for table, key, record in world.changes() if table not in _OWN}
    tests = [_tested(one, world, left) for one in expected]
    also = ", ".join(f"{table} {key}"[:100] for table, key in list(left)[:8])
    return [*tests, StateTest("nothing else changed", "keep", not left, f"also changed: {also}" if left else "")]


def _tested(one: Expectation, world: World, left: dict[tuple[str, str], Record | None]) -> StateTest:
    match one:
        case Made(table, fields):
            name = f"{table}: a new one with {', '.join(fields)}"
            found = next(
                (
                    at
                    for at, made in left.items()
                    if at[0] == table and _is_new(world, at, made) and _fits(made, fields)
                ),
                None,
            )
        case Changed(table, key, fields):
            name = f"{table} {key}: {', '.join(fields)} changed"
            now = left.get((table, key))
            found = (table, key) if _fits(now, fields) else None
            if found and now is not None and not _same_beside(now, world.before(table, key), fields):
                return StateTest(name, "change", passed=True)  # and it stays among what else was changed
        case Gone(table, key):
            name = f"{table} {key}: gone"
            found = (table, key) if left.get((table, key), {}) is None else None
    if found is not None:
        del left[found]
    return StateTest(name, "change", found is not None, "" if found is not None else "it is not so")


def _is_new(world: World, at: tuple[str, str], made: Record | None) -> bool:
    return made is not None and world.before(*at) is None


def _fits(record: Record | None, fields: Mapping[str, Wanted]) -> bool:
    return record is not None and all(_is_wanted(record.get(name), wanted) for name, wanted in fields.items())


def _is_wanted(held: Json, wanted: Wanted) -> bool:
    if isinstance(wanted, Mentions):
        return all(_mentions(str(held).casefold(), part.casefold()) for part in wanted.parts)
    if isinstance(wanted, list):
        return isinstance(held, list) and sorted(map(str, held)) == sorted(map(str, wanted))
    if isinstance(wanted, str) and isinstance(held, str):
        return wanted.strip().casefold() == held.strip().casefold()
    return held == wanted and type(held) is type(wanted)


def _mentions(text: str, part: str) -> bool:
    at = text.find(part)
    while at != -1:
        end = at + len(part)
        inside = text[max(at - 1, 0) : at].isalnum() or text[end : end + 1].isalnum()
        if not inside and not re.match(r"\.\d", text[end : end + 2]):
            return True
        at = text.find(part, at + 1)
    return False


def _same_beside(now: Record, before: Record | None, fields: Mapping[str, Wanted]) -> bool:
    return before is None or all(now.get(name) == before.get(name) for name in now if name not in fields)


def is_answer(given: Json, wanted: str) -> bool:
    """Whether an answer says what was wanted: a number among words, or a text whatever its case."""
    text = str(given)[:1000].replace(",", "")
    if _NUMBER.fullmatch(wanted):
        numbers = {float(one) for one in cast("list[str]", _NUMBER.findall(text))}
        return numbers == {float(wanted)}
    return text.strip().strip(".").casefold() == wanted.casefold()
