"""Random episodes, taken again in another process and in another order, are the same episodes."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import pytest

from assay.sdk import Json
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.protocol import Environment

Case = tuple[str, int]

OPTIONS: dict[str, dict[str, Json]] = {
    "apps": {},
    "household": {},
    "keydoor": {"difficulty": "hard"},
    "shop": {"catalogue": {"products": 1000, "seed": 3}},
}
STEPS = 40


def episode_digests(cases: Sequence[Case]) -> list[str]:
    """One digest an episode: over everything that was seen, earned and admissible."""
    environments = {name: builtin_environments().resolve(name).make() for name in OPTIONS}
    return [_digest(environments[name], name, seed) for name, seed in cases]


def _digest(environment: Environment, name: str, seed: int) -> str:
    chooser = random.Random(seed)
    seen = hashlib.sha256()
    started = environment.reset(seed, OPTIONS[name])
    seen.update(f"{started}".encode())
    for _ in range(STEPS):
        actions = environment.admissible_actions()
        result = environment.step(chooser.choice(actions))
        seen.update(f"{actions}{result}{environment.state_digest()}{environment.anchor()}".encode())
        if result.terminated or result.truncated:
            break
    return seen.hexdigest()


def compare(episodes: int) -> None:
    cases = [(name, seed) for seed in range(episodes) for name in OPTIONS]
    mixed = random.Random(1).sample(cases, len(cases))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        again = other.submit(episode_digests, mixed)
        first = dict(zip(cases, episode_digests(cases), strict=True))
        assert first == dict(zip(mixed, again.result(), strict=True))
    assert len(set(first.values())) > len(cases) * 0.9


def test_random_episodes_are_the_same_in_another_process_and_order() -> None:
    compare(20)


@pytest.mark.soak
def test_ten_thousand_episodes_are_the_same_in_another_process_and_order() -> None:
    compare(3_400)
