"""Facts that somebody knows, what they tell apart, and what each of them is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from assay_server.rewards.dialogues.shapley import Shares, shapley

BUDGET = 512
"""Coalitions that are valued where nobody says otherwise: exact up to nine facts."""


@dataclass(frozen=True, slots=True)
class Case:
    """A hidden truth among hypotheses that are known.

    Attributes:
        topics: what can be asked about.
        hypotheses: (name, by topic its value) of everything that may be true.
        truth: which of them is.
    """

    topics: tuple[str, ...]
    hypotheses: tuple[tuple[str, tuple[str, ...]], ...]
    truth: int

    @property
    def facts(self) -> tuple[str, ...]:
        """By topic, what is true."""
        return self.hypotheses[self.truth][1]

    def left(self, known: Collection[int]) -> list[str]:
        """The hypotheses that agree with the facts of some topics."""
        facts = self.facts
        return [name for name, values in self.hypotheses if all(values[at] == facts[at] for at in known)]

    def information(self, known: Collection[int]) -> float:
        """How far the facts of some topics lead from all hypotheses to one: ``1 - log(left) / log(all)``."""
        everything = len(self.hypotheses)
        return 1.0 - math.log(len(self.left(known))) / math.log(everything) if everything > 1 else 1.0


@lru_cache(maxsize=1024)
def worth_of_facts(case: Case, budget: int = BUDGET, seed: int = 0) -> Shares:
    """What the fact of each topic adds to the information, on average over the orders they may come in."""
    rng = Random(seed)  # noqa: S311 - draws orders, keeps no secret
    return shapley(len(case.topics), case.information, budget, rng)


def told_by_turn(facts: Mapping[str, str], answers: Collection[str], plain: Callable[[str], str]) -> list[list[str]]:
    """By turn, the facts whose text stands in what was answered and in no earlier answer."""
    known: set[str] = set()
    turns: list[list[str]] = []
    for answer in answers:
        text = plain(answer)
        new = [name for name, fact in facts.items() if name not in known and plain(fact) in text]
        known.update(new)
        turns.append(new)
    return turns
