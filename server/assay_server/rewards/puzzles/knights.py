"""``puzzles/knights-and-knaves``: who tells the truth, and who lies?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import Literal

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, texts, wrong

LAYER = "knights-and-knaves"
LEVELS = 6
_NAMES = (
    "Ada", "Boris", "Clara", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mona",
    "Nadia", "Oscar", "Priya", "Quentin", "Rosa", "Samir", "Tara",
)  # fmt: skip
_MOST = 26
_NEAR = 60
_KIND = re.compile(r"\b(knight|knave)s?\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|never|cannot)\b|n['’]t\b", re.IGNORECASE)
_OTHERS = re.compile(r"\b(?:or|if|and|while|whereas|but)\b|[;\n]", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:if|unless|suppos(?:e|ing)|assum(?:e|ing)|maybe|perhaps|possibly|either)\b[^.;\n]*$", re.IGNORECASE
)
_SOMEBODY = re.compile(
    r"(?:^|[\n,;.{]|\band)\s*[\"']?([A-Z][a-z]+)[\"']?\s*(?:is (?:an? )?|: ?|= ?)[\"']?(?:knight|knave)\b", re.MULTILINE
)
_NOBODY = frozenset(("He", "She", "They", "It", "Who", "This", "That", "One", "Answer", "Solution", "Result"))
_SCALE = {"right": 3.0, "wrong": -0.5, "incomplete": -1.0, "no_answer": -3.0}
"""Format +1 or -1, answer +2, -1.5 or -2, as TRPA adds them up."""


@reward(
    "puzzles/knights-and-knaves-v1",
    bounds=(0.0, 1.0),
    aliases=("puzzles/knights-knaves",),
    reference_keys=("names", "solution"),
    source="verify/knights_and_knaves (TRPA)",
)
def knights_and_knaves(sample: Sample, *, scale: Literal["unit", "trpa"] = "unit") -> Score:
    """1 where everybody is called what he is, a knight or a knave, else 0.

    ``names``, and ``solution``: by name or in the order of the names, true for a knight. An answer that calls somebody
    both, leaves it open, or names somebody else is wrong. Components ``named``, the share of people that are called
    something, and ``level``: 1 right, 2 wrong, 3 incomplete, 4 no answer. ``scale="trpa"``: 3, -0.5, -1, -3 for these.
    """
    truth = _solution(sample.reference)
    found = final_answer(sample)
    called = {} if found is None else _called(found, list(truth))
    named = len(called) / len(truth)
    if found is None or not called:
        return _graded(wrong(found, "nobody is called a knight or a knave", LAYER, named=0.0), "no_answer", scale)
    key = ", ".join(f"{name}={called[name]}" for name in truth if name in called)
    if len(called) < len(truth):
        missing = next(name for name in truth if name not in called)
        return _graded(wrong(found, f"nothing is said of {missing}", LAYER, key, named=named), "incomplete", scale)
    stranger = _stranger(found, list(truth))
    if stranger:
        return _graded(wrong(found, f"there is no {stranger}", LAYER, key, named=named), "wrong", scale)
    amiss = [name for name, kind in called.items() if kind != truth[name]]
    if amiss:
        return _graded(wrong(found, f"{amiss[0]} is a {truth[amiss[0]]}", LAYER, key, named=named), "wrong", scale)
    return _graded(right(found, key, "everybody is what he is called", LAYER, named=named), "right", scale)


def _graded(score: Score, level: str, scale: str) -> Score:
    components = {**score.components, "level": float([*_SCALE].index(level) + 1)}
    value = _SCALE[level] if scale == "trpa" else score.value
    return Score(value, score.verdict, score.evidence, score.answer_key, components)


def _solution(reference: Mapping[str, Json]) -> dict[str, str]:
    held = reference.get("solution")
    names = texts(reference, "names", _MOST) if not isinstance(held, dict) else [*held]
    given = [*held.values()] if isinstance(held, dict) else held
    if not isinstance(given, list) or len(given) != len(names) or not names or len(names) > _MOST:
        raise refused("solution", "a list as long as names, or an object by name", held)
    kinds = {True: "knight", False: "knave", "knight": "knight", "knave": "knave"}
    if any(not isinstance(one, bool | str) or one not in kinds for one in given):
        raise refused("solution", "true for a knight, false for a knave", held)
    return {name: kinds[one] for name, one in zip(names, given, strict=True) if isinstance(one, bool | str)}


def _called(found: JudgedText, names: Sequence[str]) -> dict[str, str]:
    """What people are called; of somebody who is called both, nothing that is right.

    In a text with a marked answer everything in it counts, else what is said last of each.
    """
    whole = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True)))
    called: dict[str, str] = {}
    mentions = list(whole.finditer(found.text))
    for at, mention in enumerate(mentions):
        end = mentions[at + 1].start() if at + 1 < len(mentions) else len(found.text)
        kind = _kind(found.text[mention.end() : min(end, mention.end() + _NEAR)])
        start = mentions[at - 1].end() if at else 0
        if kind and _OPEN.search(found.text[max(start, mention.start() - _NEAR) : mention.start()]):
            kind = "both" if found.method != "whole_text" else ""
        if kind and found.method != "whole_text" and called.get(mention[0], kind) != kind:
            kind = "both"
        if kind:
            called[mention[0]] = kind
    return called


def _stranger(found: JudgedText, names: Sequence[str]) -> str:
    """Whom a marked answer calls something although nobody asked; empty where it does not."""
    if found.method == "whole_text":
        return ""
    somebody = (match[1] for match in _SOMEBODY.finditer(found.text))
    return next((one for one in somebody if one not in names and one not in _NOBODY), "")


def _kind(text: str) -> str:
    """What the words after a name say; empty where they say nothing of it, ``both`` where they leave it open."""
    held = list(_KIND.finditer(text))
    if not held or _OTHERS.search(text, 0, held[0].start()):
        return ""
    if len(held) > 1 and re.search(r"\bor\b", text[held[0].end() : held[1].start()], re.IGNORECASE):
        return "both"
    kind = held[0][1].lower()
    return kind if not _NOT.search(text, 0, held[0].start()) else "knave" if kind == "knight" else "knight"


# ---------------------------------------------------------------- generating

Statement = tuple[str, tuple[int, ...]]
"""What is said, one of the keys of ``_TRUE``, and of whom; of a count, how many."""

_TRUE: Mapping[str, Callable[[Sequence[bool], Sequence[int]], bool]] = {
    "knight": lambda world, who: world[who[0]],
    "knave": lambda world, who: not world[who[0]],
    "same": lambda world, who: world[who[0]] == world[who[1]],
    "different": lambda world, who: world[who[0]] != world[who[1]],
    "both": lambda world, who: world[who[0]] and world[who[1]],
    "either": lambda world, who: world[who[0]] or world[who[1]],
    "neither": lambda world, who: not world[who[0]] and not world[who[1]],
    "if": lambda world, who: not world[who[0]] or world[who[1]],
    "count": lambda world, who: sum(world) == who[0],
}
_SAID = {
    "knight": "{0} is a knight.",
    "knave": "{0} is a knave.",
    "same": "{0} and {1} are of the same kind.",
    "different": "{0} and {1} are of different kinds.",
    "both": "{0} and {1} are both knights.",
    "either": "At least one of {0} and {1} is a knight.",
    "neither": "Neither {0} nor {1} is a knight.",
    "if": "If {0} is a knight, then so is {1}.",
}
_SIMPLE = ("knight", "knave", "same", "different")


def consistent(world: Sequence[bool], statements: Sequence[Statement]) -> bool:
    """Whether exactly the knights say what is true."""
    return all(_TRUE[kind](world, who) == world[speaker] for speaker, (kind, who) in enumerate(statements))


def generate_knights(rng: Random, level: int) -> PuzzleTask:
    """As many people as the level and one; one statement each, with one solution."""
    count = level + 1
    while True:
        world = [rng.random() < 0.5 for _ in range(count)]
        statements = [_statement(rng, world, speaker, level) for speaker in range(count)]
        if sum(1 for _ in _worlds(statements)) == 1:
            break
    names = rng.sample(_NAMES, count)
    said = "\n".join(
        f'{names[speaker]} says: "{_in_words(statement, names)}"' for speaker, statement in enumerate(statements)
    )
    question = (
        "On an island everybody is a knight, who always tells the truth, or a knave, who always lies. You meet "
        f"{', '.join(names[:-1])} and {names[-1]}.\n\n{said}\n\nWho is what?"
    )
    reference: dict[str, Json] = {
        "names": [*names],
        "solution": [*world],
        "statements": [[kind, *who] for kind, who in statements],
    }
    lines = "\n".join(f"{name} is a {'knight' if kind else 'knave'}." for name, kind in zip(names, world, strict=True))
    form = f"one line for each, e.g. {names[0]} is a knight."
    return PuzzleTask(asked(question, form), reference, f"<answer>\n{lines}\n</answer>")


def _worlds(statements: Sequence[Statement]) -> Iterator[tuple[bool, ...]]:
    return (world for world in product((False, True), repeat=len(statements)) if consistent(world, statements))


def _statement(rng: Random, world: Sequence[bool], speaker: int, level: int) -> Statement:
    """Something that this speaker can say in this world."""
    others = [one for one in range(len(world)) if one != speaker]
    kinds = [kind for kind in _TRUE if kind in _SIMPLE or level > 1]
    while True:
        kind = rng.choice(kinds)
        if kind == "count":
            who: tuple[int, ...] = (rng.randint(0, len(world)),)
        elif kind in ("knight", "knave"):
            who = (rng.choice(others),)
        else:
            pool = [*others, speaker]
            who = tuple(rng.sample(pool, 2))
        if _TRUE[kind](world, who) == world[speaker]:
            return kind, who


def _in_words(statement: Statement, names: Sequence[str]) -> str:
    kind, who = statement
    if kind == "count":
        return f"Exactly {who[0]} of us {'is a knight' if who[0] == 1 else 'are knights'}."
    return _SAID[kind].format(*(names[one] for one in who))
