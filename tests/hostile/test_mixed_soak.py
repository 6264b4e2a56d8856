"""Honest programs, lies and attacks, mixed, in the same sandboxes: what comes of them, and what is left of them.

Counts are printed: ``pytest -s -m soak tests/hostile/test_mixed_soak.py``.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Grade, Launch, PythonCall
from assay_sandbox.suites.reading import Json, read_suite
from tests.hostile import test_host, test_lies
from tests.hostile.lies.lie import HONEST, Suite
from tests.hostile.stage import Stage
from tests.hostile.test_host import ATTACKS, Attack, succeeded
from tests.hostile.test_lies import GENEROUS, HONEST_PROGRAM, LIES
from tests.sandboxes.test_namespaces_soak import groups, mounts, workers_left

CLIENTS = 4
WORKERS, SPARES = 2, 2
PATIENCE_SECONDS = 20
_AT_ONCE = ("secret", "reached", "flooded")


class Soak:
    """One mixture on one backend.

    Attributes:
        counts: what became of the runs.
        wrong: what must not have been, in words.
    """

    def __init__(self, judge: Judge, backend: NamespacesBackend, stage: Stage, seed: int) -> None:
        self._judge = judge
        self._backend = backend
        self._stage = stage
        self._random = random.Random(seed)
        enforced = backend.probe().memory_enforced
        self._attacks = [
            attack
            for attack in ATTACKS.values()
            if not attack.not_in.startswith(backend.name) and (enforced or attack.needs != "cgroups")
        ]
        self._suites = {suite: test_lies.suites(suite.value) for suite in Suite}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def run(self, runs: int) -> None:
        """So many runs, some at a time."""
        numbers = iter(range(runs))
        await asyncio.gather(*(self._client(numbers) for _ in range(CLIENTS)))

    async def _client(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            kind = self._random.choice((self._honest, self._honest, self._lie, self._attack))
            await kind()

    async def _honest(self) -> None:
        kind = self._random.choice(("assert", "calls", "pytest", "stdio", "interactive"))
        source = HONEST_PROGRAM if kind in ("stdio", "interactive") else HONEST
        verdict = await self._judge.judge(self._job(source, self._suites[Suite.PLAIN][kind], honest=True))
        self._count("honest passed" if verdict.passed else "honest failed", f"{kind}: {verdict.first_failure}")

    async def _lie(self) -> None:
        lie = self._random.choice([*LIES.values()])
        kind = self._random.choice([*self._suites[lie.suite]])
        verdict = await self._judge.judge(self._job(lie.source, self._suites[lie.suite][kind], honest=False))
        self._count("false passes" if verdict.passed else "lies refused", f"{lie.name}: {kind}")

    async def _attack(self) -> None:
        attack = self._random.choice(self._attacks)
        source = PythonCall("assay_sandbox.harness.script:run", attack.source.encode())
        outcome = await self._backend.run(Launch(source, test_host.LIMITS, stdin=self._stage.knowledge()))
        escaped = self._stage.secret.encode() in outcome.stdout
        escaped |= attack.proof in _AT_ONCE and succeeded(attack, self._stage, outcome.stdout)
        self._count("escapes" if escaped else "attacks held", attack.name)

    def _job(self, source: str, suite: dict[str, Json], *, honest: bool) -> Job:
        return Job("python", source, read_suite(suite), limits=GENEROUS if honest else test_lies.LIMITS)

    def _count(self, what: str, which: str) -> None:
        self.counts[what] += 1
        if what in ("honest failed", "false passes", "escapes"):
            self.wrong.append(f"{what}: {which}")

    def outside(self) -> list[str]:
        """What attacks did that is seen in the end: of all of them together."""
        proofs = {"written", "contacted", "killed", "survivor"}
        seen = (Attack(proof, "", proof, "", "") for proof in sorted(proofs))
        return [attack.proof for attack in seen if succeeded(attack, self._stage, b"")]


def descendants(pids: list[int]) -> list[int]:
    """All processes below these."""
    found: list[int] = []
    waiting = [*pids]
    while waiting:
        pid = waiting.pop()
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                children = [int(child) for child in path.read_text(encoding="ascii").split()]
            except (OSError, ValueError):
                continue
            found += children
            waiting += children
    return found


async def until_few(pids: Callable[[], list[int]], most: int) -> list[int]:
    """Those that are there when they are no more than that, or when patience ends."""
    for _ in range(PATIENCE_SECONDS * 20):
        if len(pids()) <= most:
            break
        await asyncio.sleep(0.05)
    return pids()


@pytest.mark.parametrize(
    "runs", [60, pytest.param(1_000, marks=pytest.mark.full), pytest.param(10_000, marks=pytest.mark.soak)]
)
async def test_nothing_comes_of_attacks_and_lies_among_honest_runs(runs: int):
    backend = NamespacesBackend(NamespacesSettings(workers=WORKERS, spares=SPARES))
    if backend.probe().grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {backend.probe()}")
    with Stage() as stage:
        before = mounts()
        async with judging(backend, slots=CLIENTS) as judge:
            soak = Soak(judge, backend, stage, seed=runs)
            await soak.run(runs)
            await judge.close()  # with it the suites that were kept
            kinds = len(backend.worker_pids()) // WORKERS
            waiting = kinds * WORKERS * (1 + 2 * SPARES)  # the template, and each supervisor with its program to be
            processes = await until_few(lambda: descendants(backend.worker_pids()), waiting)
            stage.wait_for_ends()
            print(f"\n{sum(soak.counts.values())} runs: {dict(sorted(soak.counts.items()))}, {len(processes)} waiting")
            assert len(processes) <= waiting
            assert soak.outside() == []
        assert sum(soak.counts.values()) == runs
        assert soak.wrong == []
        assert mounts() == before
    assert groups() == []
    assert workers_left() == []
