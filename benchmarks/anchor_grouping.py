"""Anchor grouping against a bare dict pass over the same strings, similarity groups, and whole estimators.

Method of the first table: the step texts are fresh string objects (no hash cached) for every pass, as they are when
they come off the wire. The bare pass is ``for text in texts: index.append(ids.setdefault(text, len(ids)))``. Grouping
is everything that the service does: interning within each episode group, dense numbers in order of first appearance,
and one digest per distinct (episode group, state). Both run in this process, alternating; the medians are compared.

    python benchmarks/anchor_grouping.py [--steps 1000000] [--states 20000] [--repeats 5]
"""

from __future__ import annotations

import argparse
import random
import string
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import TypeVar

from assay.sdk.spec import AnchorRecipe, EstimatorChoice, Grouping
from assay_server.estimators import AnchorState, Group, Member, StepRecord, compile_estimator
from assay_server.estimators.anchors import group_keys
from assay_server.estimators.similarity import first_fit_sorted

Result = TypeVar("Result")

_ROOMS = ("kitchen", "bathroom", "bedroom", "garden", "hall", "cellar", "attic", "garage")
_THINGS = ("apple", "mug", "plate", "keychain", "candle", "towel", "book", "lamp", "knife", "statue", "pillow")


def main() -> None:
    """Print all tables."""
    arguments = argparse.ArgumentParser(description="Anchor grouping, timed.")
    arguments.add_argument("--steps", type=int, default=1_000_000)
    arguments.add_argument("--states", type=int, default=20_000)
    arguments.add_argument("--repeats", type=int, default=5)
    chosen = arguments.parse_args()
    generator = random.Random(7)
    print("exact grouping: median seconds of", chosen.repeats, "alternating passes over fresh string objects")
    print(f"{'texts':>28} {'groups':>7} {'bare dict':>10} {'grouping':>10} {'ratio':>6}")
    for label, make in (("short (12 characters)", _short), ("realistic (300 characters)", _realistic)):
        states = [make(generator, number) for number in range(chosen.states)]
        for groups in (1, 100, 2_000):
            _compare(label, generator, states, chosen.steps, groups, chosen.repeats)
    print("\nsimilarity (sorted, threshold 0.95): 4,000 steps of 300 characters")
    for label, texts in _similar_cases(generator):
        seconds, found = _timed(lambda texts=texts: first_fit_sorted(texts, 0.95))
        print(f"{label:>48} {len(set(found)):>6} groups {seconds:>8.3f} s")
    _estimators(generator)


def _compare(
    label: str, generator: random.Random, states: Sequence[str], steps: int, groups: int, repeats: int
) -> None:
    bounds = [steps * number // groups for number in range(groups + 1)]
    share = len(states) // groups
    chosen = [
        text
        for number, (start, end) in enumerate(pairwise(bounds))
        for text in generator.choices(states[number * share : (number + 1) * share], k=end - start)
    ]
    names = [f"g{number}" for number in range(groups)]
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(repeats):
        fresh = _fresh(chosen)
        bare.append(_timed(lambda fresh=fresh: _bare_pass(fresh))[0])
        fresh = _fresh(chosen)
        ours.append(_timed(lambda fresh=fresh: group_keys(names, "observation", fresh, bounds).ids.part(0, 0))[0])
    ratio = median(ours) / median(bare)
    print(f"{label:>28} {groups:>7} {median(bare):>10.3f} {median(ours):>10.3f} {ratio:>6.2f}")


def _bare_pass(texts: Sequence[str]) -> list[int]:
    ids: dict[str, int] = {}
    index: list[int] = []
    for text in texts:
        index.append(ids.setdefault(text, len(ids)))  # noqa: PERF401 - the plainest pass is what is measured
    return index


def _fresh(texts: Sequence[str]) -> list[str]:
    return [text[:1] + text[1:] for text in texts]


def _short(generator: random.Random, number: int) -> str:
    return f"room {number} {generator.choice(_ROOMS)[:3]}"


def _realistic(generator: random.Random, number: int) -> str:
    seen = ", ".join(f"a {generator.choice(_THINGS)} {generator.randrange(9)}" for _ in range(20))
    text = f"-= {generator.choice(_ROOMS)} {number} =- You look around and see {seen}, and a door to the north."
    return text[:300].ljust(300, ".")


def _similar_cases(generator: random.Random) -> list[tuple[str, list[str]]]:
    letters = string.ascii_lowercase + " "
    templates = [_realistic(generator, number) for number in range(200)]
    noise = ["".join(generator.choices(letters, k=300)) for _ in range(4_000)]
    noisy_templates = [_edited(generator, noise[number % 200]) for number in range(4_000)]
    return [
        ("200 templates, 1 to 5 characters edited", [_edited(generator, templates[n % 200]) for n in range(4_000)]),
        ("200 random texts, 1 to 5 characters edited", noisy_templates),
        ("4,000 different states of one text world", [_realistic(generator, number) for number in range(4_000)]),
        ("4,000 random texts", noise),
    ]


def _edited(generator: random.Random, text: str) -> str:
    characters = list(text)
    for _ in range(generator.randint(1, 5)):
        characters[generator.randrange(len(characters))] = generator.choice(string.ascii_lowercase)
    return "".join(characters)


def _estimators(generator: random.Random) -> None:
    print("\nestimators, from Member objects to results")
    single = [
        Group(f"g{g}", tuple(Member(f"r{m}", float(generator.random() < 0.5)) for m in range(8))) for g in range(12_500)
    ]
    grpo = compile_estimator(EstimatorChoice("advantage/grpo"))
    seconds = median(_timed(lambda: grpo.advantages(single))[0] for _ in range(5))
    print(f"  GRPO, 100,000 single-turn rollouts in groups of 8: {seconds:.3f} s = {seconds * 10:.2f} us a rollout")
    for groups in (100, 400):
        batch = [_agent_group(generator, number) for number in range(groups)]
        for recipe in AnchorRecipe:
            if recipe is not AnchorRecipe.TEXT_SIMILARITY:
                gigpo = compile_estimator(EstimatorChoice("advantage/gigpo"), Grouping(recipe, history_length=2))
                seconds = median(_timed(lambda gigpo=gigpo, batch=batch: gigpo.advantages(batch))[0] for _ in range(3))
                steps = groups * 8 * 50
                rate = seconds / steps * 1e6
                print(f"  GiGPO, {steps:>7,} steps, {recipe.name:<25} {seconds:.3f} s = {rate:.2f} us a step")


def _agent_group(generator: random.Random, number: int) -> Group:
    states = [_realistic(generator, state) for state in range(60)]
    return Group(
        f"g{number}",
        tuple(
            Member(
                f"r{member}",
                1.0,
                steps=tuple(
                    StepRecord(
                        AnchorState(observation=generator.choice(states), state_digest=f"s{generator.randrange(60)}")
                    )
                    for _ in range(50)
                ),
            )
            for member in range(8)
        ),
    )


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
