"""``puzzles/word-ladder``: from one word to another, one letter at a time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from random import Random

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, texts, wrong
from assay_server.rewards.puzzles.vocabulary import WORDS

LAYER = "word-ladder"
LEVELS = ((3, 2), (3, 3), (4, 3), (4, 5), (4, 7))
"""Letters of the words, and how many steps the shortest ladder has."""
_MOST_WORDS = 5000
_DECOYS = 20
_WORD = re.compile(r"[^\W\d_]+")
_ARROW = re.compile(r"->|→|=>|,|⇒")


@reward(
    "puzzles/word-ladder-v1",
    bounds=(0.0, 1.0),
    binary=True,
    reference_keys=("start", "end", "words", "most"),
    source="the doublets of Lewis Carroll",
)
def word_ladder(sample: Sample) -> Score:
    """1 where the words lead from ``start`` to ``end``, are of ``words``, and neighbours differ in one letter, else 0.

    ``most``: words that a ladder has at most, both ends included. Component ``rungs``: the share of the steps that are
    sound.
    """
    start, end = (_word(sample.reference, key) for key in ("start", "end"))
    allowed = {word.casefold() for word in texts(sample.reference, "words", _MOST_WORDS)}
    most = sample.reference.get("most", _MOST_WORDS)
    if isinstance(most, bool) or not isinstance(most, int):
        raise refused("most", "a whole number", most)
    found = final_answer(sample)
    words = [] if found is None else _words(found)
    if found is None or len(words) < 2:
        return wrong(found, "no ladder", LAYER, rungs=0.0)
    faults = [_fault(one, other, allowed) for one, other in pairwise(words)]
    rungs = sum(not fault for fault in faults) / len(faults)
    ends = "" if (words[0], words[-1]) == (start, end) else f"leads from {words[0][:20]} to {words[-1][:20]}"
    long = f"has {len(words)} words, more than {most}" if len(words) > most else ""
    fault = ends or next(filter(None, faults), "") or long
    key = " ".join(words)
    if fault:
        return wrong(found, fault, LAYER, key, rungs=min(rungs, 0.99))
    return right(found, key, f"{len(words) - 1} steps", LAYER, rungs=1.0)


def _word(reference: Mapping[str, Json], key: str) -> str:
    held = reference.get(key)
    if not isinstance(held, str) or not held.strip():
        raise refused(key, "a word", held)
    return held.strip().casefold()


def _words(found: JudgedText) -> list[str]:
    text = found.text
    if found.method == "whole_text":
        text = next((line for line in reversed(text.splitlines()) if len(_ARROW.findall(line)) > 1), "")
    return [word.casefold() for word in _WORD.findall(text)]


def _fault(one: str, other: str, allowed: set[str]) -> str:
    strange = next((word for word in (one, other) if word not in allowed), None)
    if strange is not None:
        return f"{strange[:20]} is none of the words"
    return "" if differ_in_one(one, other) else f"{one} and {other} differ in more than one letter"


def differ_in_one(one: str, other: str) -> bool:
    """Whether two words are as long as each other and differ in exactly one place."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def neighbours(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Which words differ in one letter from each; found by patterns with one letter left out."""
    by_pattern: dict[str, list[str]] = {}
    held = sorted(set(words))
    for word in held:
        for at in range(len(word)):
            by_pattern.setdefault(f"{word[:at]}_{word[at + 1 :]}", []).append(word)
    found: dict[str, set[str]] = {word: set() for word in held}
    for group in by_pattern.values():
        for word in group:
            found[word].update(other for other in group if other != word)
    return {word: tuple(sorted(others)) for word, others in found.items()}


@cache
def graph_of(length: int) -> Mapping[str, tuple[str, ...]]:
    """Neighbours within the built-in words of a length."""
    return neighbours(WORDS[length])


def distances(graph: Mapping[str, Sequence[str]], start: str) -> dict[str, int]:
    """Steps from a word to every word that can be reached."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        word = queue.popleft()
        for other in graph[word]:
            if other not in found:
                found[other] = found[word] + 1
                queue.append(other)
    return found


def ladder(graph: Mapping[str, Sequence[str]], start: str, end: str) -> tuple[str, ...]:
    """A shortest ladder, both ends included; raises ValueError where there is none."""
    away = distances(graph, end)
    if start not in away:
        raise ValueError(f"no ladder leads from {start} to {end}")
    words = [start]
    while words[-1] != end:
        words.append(min(graph[words[-1]], key=lambda word: (away.get(word, len(away)), word)))
    return tuple(words)


def draw_ends(rng: Random, level: int) -> tuple[str, str]:
    """Two words as far apart as the level says."""
    length, steps = LEVELS[level - 1]
    graph = graph_of(length)
    while True:
        start = rng.choice(WORDS[length])
        ends = sorted(word for word, away in distances(graph, start).items() if away == steps)
        if ends:
            return start, rng.choice(ends)


def generate_ladder(rng: Random, level: int) -> PuzzleTask:
    """A ladder within a list of words that the prompt tells, some of them of no use."""
    start, end = draw_ends(rng, level)
    graph = graph_of(len(start))
    words = ladder(graph, start, end)
    around = sorted({other for word in words for other in graph[word]} - set(words))
    decoys = rng.sample(around, min(_DECOYS, len(around)))
    told = sorted({*words, *decoys})
    question = (
        f"Change {start} into {end} one letter at a time. Every word on the way is one of these: {', '.join(told)}."
    )
    reference: dict[str, Json] = {"start": start, "end": end, "words": [*told]}
    answer = f"<answer>{' -> '.join(words)}</answer>"
    return PuzzleTask(asked(question, f"all words in order, e.g. {start} -> ... -> {end}"), reference, answer)
