"""A small policy in NumPy: a softmax over the actions of a state, linear in hashed pairs of a word and an action.

Everything it does is a function of its seed and of what it is told, so a run repeats to the last digit.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BITS = 17
_WORD, _ACTION, _MIX = np.int64(0x9E3779B1), np.int64(0x85EBCA77), np.int64(0xC2B2AE3D)


@lru_cache(maxsize=1 << 16)
def hashed(*texts: str) -> Ints:
    """Words and lines of texts, told apart by the text they stand in; not to be changed."""
    found: list[int] = []
    for place, text in enumerate(texts):
        words = text.lower().replace(",", " ").replace(".", " ").split()
        lines = [f"{number}|{line}" for number, line in enumerate(text.splitlines())]
        found += [zlib.crc32(f"{place}{token}".encode()) for token in (*words, *lines, "")]
    return np.array(sorted(set(found)), np.int64)


@lru_cache(maxsize=1 << 14)
def hashed_action(text: str) -> int:
    """One number for an action."""
    return zlib.crc32(text.encode())


def crossed(words: Ints, actions: Ints) -> Ints:
    """Where the pair of each action with each word has its weight; shape (actions, words)."""
    mixed = words[None, :] * _WORD + actions[:, None] * _ACTION
    mixed = (mixed ^ (mixed >> 29)) * _MIX
    return (mixed ^ (mixed >> 32)) & ((1 << BITS) - 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A step: where the weights of its actions are, and which action was taken."""

    pairs: Ints
    chosen: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Many states with all their actions, laid out one after another.

    Attributes:
        pairs: places of all weights, flat.
        starts: where each action's weights begin.
        words: by action how many weights it has.
        firsts: where each state's actions begin.
        owner: by action the number of its state.
    """

    pairs: Ints
    starts: Ints
    words: Ints
    firsts: Ints
    owner: Ints

    @classmethod
    def of(cls, blocks: Sequence[Ints]) -> Shape:
        """From one (actions, words) array a state."""
        counts = np.array([len(block) for block in blocks])
        words = np.repeat(np.array([block.shape[1] for block in blocks]), counts)
        ends = np.cumsum(words)
        firsts = np.cumsum(counts) - counts
        flat = np.concatenate([block.ravel() for block in blocks])
        return cls(flat, ends - words, words, firsts, np.repeat(np.arange(len(blocks)), counts))


@dataclass(frozen=True, slots=True)
class Learning:
    """How the policy is changed; see the plan."""

    rate: float
    entropy: float
    passes: int
    clip: float


class Policy:
    """Weights, and Adam's memory of them."""

    def __init__(self, learning: Learning) -> None:
        self._learning = learning
        self.weights = np.zeros(1 << BITS)
        self._first = np.zeros(1 << BITS)
        self._second = np.zeros(1 << BITS)
        self._updates = 0

    def act(self, blocks: Sequence[Ints], chance: np.random.Generator) -> list[int]:
        """An action drawn for each state."""
        shape = Shape.of(blocks)
        probabilities = np.exp(self.log_probabilities(shape))
        bounds: list[int] = [*shape.firsts.tolist(), len(probabilities)]
        drawn: list[float] = chance.random(len(blocks)).tolist()
        return [
            min(int(np.searchsorted(np.cumsum(probabilities[start:end]), share)), end - start - 1)
            for (start, end), share in zip(itertools.pairwise(bounds), drawn, strict=True)
        ]

    def learn(self, choices: Sequence[Choice], advantages: Sequence[float]) -> None:
        """Adam's steps along the clipped objective with an entropy bonus; every step weighs the same."""
        shape = Shape.of([choice.pairs for choice in choices])
        chosen = shape.firsts + np.array([choice.chosen for choice in choices])
        gains = np.array(advantages)
        old = self.log_probabilities(shape)[chosen]
        for _ in range(self._learning.passes):
            logs = self.log_probabilities(shape)
            self._ascend(self.gradient(shape, logs, chosen, gains, np.exp(logs[chosen] - old)))

    def log_probabilities(self, shape: Shape) -> Floats:
        """Of every action, in its state."""
        sums = np.add.reduceat(self.weights[shape.pairs], shape.starts)
        scores = sums / np.sqrt(shape.words)
        top = np.maximum.reduceat(scores, shape.firsts)[shape.owner]
        totals = np.log(np.add.reduceat(np.exp(scores - top), shape.firsts))[shape.owner]
        return scores - top - totals

    def gradient(self, shape: Shape, logs: Floats, chosen: Ints, gains: Floats, ratios: Floats) -> Floats:
        """Of the objective, by weight; ``ratios`` are to the probabilities that the actions were drawn with."""
        clip = self._learning.clip
        held = np.where(gains > 0, ratios > 1 + clip, ratios < 1 - clip)
        pull = np.where(held, 0.0, gains * ratios)
        probabilities = np.exp(logs)
        spread = -np.add.reduceat(probabilities * logs, shape.firsts)[shape.owner]
        by_action = -probabilities * (pull[shape.owner] + self._learning.entropy * (logs + spread))
        by_action[chosen] += pull
        by_weight = np.repeat(by_action / np.sqrt(shape.words) / len(gains), shape.words)
        summed: Floats = np.bincount(shape.pairs, by_weight, minlength=1 << BITS).astype(np.float64)
        return summed

    def _ascend(self, gradient: Floats) -> None:
        self._updates += 1
        self._first += 0.1 * (gradient - self._first)
        self._second += 0.001 * (gradient**2 - self._second)
        mean = self._first / (1 - 0.9**self._updates)
        scale = np.sqrt(self._second / (1 - 0.999**self._updates)) + 1e-10
        self.weights += self._learning.rate * mean / scale
