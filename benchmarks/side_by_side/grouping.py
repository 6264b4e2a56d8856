"""Steps grouped by similar texts: difflib, greedy, as agent trainers do it, beside the service's groupings."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from assay.sdk import Json
from assay_server.estimators.similarity import first_fit_arrival, first_fit_sorted

from .comparison import Comparison, Picture

METHOD = """\
Observations of about 300 characters: so many states of a text world, each seen five times, with one to five
characters changed each time. Greedy, first fit: a text joins the first group whose first member has a ratio of at
least 0.95. *difflib* is that loop with `difflib.SequenceMatcher`, as agent trainers have it; *arrival* is the
service's mode that gives the same groups, *sorted* its default, which does not depend on arrival. Seconds of one
process, one pass; that difflib and *arrival* give the same groups is checked in the run. There are a fifth as many
states as texts; difflib takes characters that are frequent in a text of 200 or more for junk, and splits what is
alike."""

THRESHOLD, SEEN = 0.95, 5
SIZES = (100, 250, 500)
ROOMS = ("kitchen", "bathroom", "bedroom", "garden", "hall", "cellar")
THINGS = ("apple", "mug", "plate", "keychain", "candle", "towel", "book", "lamp", "knife", "statue", "pillow")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def by_difflib(texts: Sequence[str], threshold: float) -> list[int]:
    """For each text the position of its group's first member."""
    firsts: list[int] = []
    found: list[int] = []
    for place, text in enumerate(texts):
        near = (first for first in firsts if SequenceMatcher(None, text, texts[first]).ratio() >= threshold)
        group = next(near, None)
        if group is None:
            firsts.append(place)
        found.append(place if group is None else group)
    return found


WAYS: dict[str, Callable[[Sequence[str], float], list[int]]] = {
    "difflib": by_difflib,
    "assay, arrival": first_fit_arrival,
    "assay, sorted": first_fit_sorted,
}


def observations(count: int, chance: random.Random) -> list[str]:
    """So many texts."""
    states = [state(number, chance) for number in range(count // SEEN)]
    texts = list(dict.fromkeys(edited(text, chance) for text in states for _ in range(SEEN)))
    chance.shuffle(texts)
    return texts


def state(number: int, chance: random.Random) -> str:
    """What is seen in one state."""
    seen = ", ".join(f"a {chance.choice(THINGS)} {chance.randrange(9)}" for _ in range(20))
    return f"-= {chance.choice(ROOMS)} {number} =- You look around and see {seen}, and a door to the north."[:300]


def edited(text: str, chance: random.Random) -> str:
    """With a few characters changed."""
    letters = list(text)
    for _ in range(chance.randint(1, 5)):
        letters[chance.randrange(len(letters))] = chance.choice(LETTERS)
    return "".join(letters)


def measure() -> Comparison:
    """Every way at every size."""
    chance = random.Random(5)
    seconds: dict[str, dict[str, float]] = {}
    groups: dict[str, dict[str, int]] = {}
    for size in SIZES:
        texts = observations(size, chance)
        found: dict[str, list[int]] = {}
        for name, way in WAYS.items():
            began = time.perf_counter()
            found[name] = way(texts, THRESHOLD)
            seconds.setdefault(f"{size} texts", {})[name] = time.perf_counter() - began
            groups.setdefault(f"{size} texts", {})[name] = len(set(found[name]))
        if found["difflib"] != found["assay, arrival"]:
            raise SystemExit("difflib and the parity mode do not give the same groups")
    rows = [["texts", *WAYS, "difflib / sorted", "groups (difflib, sorted)"]]
    for size, by_way in seconds.items():
        told = groups[size]
        ratio = by_way["difflib"] / by_way["assay, sorted"]
        rows.append([
            size, *(f"{by_way[name]:.3f} s" for name in WAYS), f"{ratio:,.0f}x",
            f"{told['difflib']}, {told['assay, sorted']}",
        ])  # fmt: skip
    raw: dict[str, Json] = {
        "seconds": {size: dict(by_way) for size, by_way in seconds.items()},
        "groups": {size: dict(by_way) for size, by_way in groups.items()},
        "threshold": THRESHOLD,
    }
    return Comparison(
        "grouping", "Step groups by text similarity", METHOD, {"Time of one pass": rows},
        Picture("Seconds to group observations", seconds, "seconds"), raw,
    )  # fmt: skip
