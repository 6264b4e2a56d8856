"""Who was it? Suspects that differ in what a witness saw, drawn by seed and level."""

from __future__ import annotations

from random import Random

from assay_server.rewards.dialogues.facts import Case

TRAITS = {
    "hair": ("black hair", "red hair", "grey hair", "blond hair"),
    "coat": ("a green coat", "a brown coat", "a blue coat", "no coat"),
    "shoes": ("boots", "sandals", "trainers", "wooden shoes"),
    "bag": ("a leather bag", "a basket", "a suitcase", "no bag"),
    "hat": ("a straw hat", "a wool cap", "a top hat", "no hat"),
    "dog": ("a poodle", "a terrier", "a sheepdog", "no dog"),
    "vehicle": ("a bicycle", "a scooter", "a van", "no vehicle"),
    "glasses": ("round glasses", "dark glasses", "reading glasses", "no glasses"),
}
"""What can be asked about, and what may be true of it."""

LEVELS = ((4, 4), (8, 5), (14, 6), (24, 8))
"""How many suspects there are, and how many topics."""

_NAMES = (
    "Abel", "Berta", "Cyril", "Dora", "Edgar", "Flora", "Gregor", "Hanna", "Igor", "Judit", "Karl", "Lydia", "Marek",
    "Nora", "Otto", "Paula", "Ralph", "Sonja", "Theo", "Ulla", "Viktor", "Wanda", "Xaver", "Yvonne",
)  # fmt: skip


def draw_case(rng: Random, level: int) -> Case:
    """Suspects of whom no two agree in everything."""
    count, topics = LEVELS[level - 1]
    chosen = rng.sample([*TRAITS], topics)
    rows: set[tuple[str, ...]] = set()
    while len(rows) < count:
        rows.add(tuple(rng.choice(TRAITS[topic]) for topic in chosen))
    listed = rng.sample(sorted(rows), count)
    names = sorted(rng.sample(_NAMES, count))
    return Case(tuple(chosen), tuple(zip(names, listed, strict=True)), rng.randrange(count))


def sentence(topic: str, value: str) -> str:
    """What the witness says of a topic."""
    return f"{topic.capitalize()}: I saw {value}."
