"""The programs of HumanEval: all are right, and what is broken in them is found; suite and program apart."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from assay_sandbox.judging import Job, Judge, JudgeSettings, judging
from assay_sandbox.protocol import Limits
from assay_sandbox.suites.reading import read_suite
from assay_sandbox.suites.verdict import Isolation, Verdict
from tests.sandboxes.real_backends import make_backend

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "humaneval.jsonl"
LIMITS = Limits(cpu_ms=20_000, wall_ms=60_000)
MUTANT_LIMITS = Limits(cpu_ms=2_000, wall_ms=10_000)
MUTANTS = 3
EVERY = 9


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of HumanEval."""

    name: str
    prompt: str
    solution: str
    test: str
    entry_point: str

    def job(self, source: str, *, prelude: str = "", limits: Limits = LIMITS) -> Job:
        suite = read_suite({"kind": "assert", "prelude": prelude, "code": self.test, "entryPoint": self.entry_point})
        return Job("python", source, suite, limits=limits)


def read_problems() -> list[Problem]:
    if not DATA.is_file():
        return []
    lines = (json.loads(line) for line in DATA.read_text().splitlines())
    return [
        Problem(line["task_id"], line["prompt"], line["canonical_solution"], line["test"], line["entry_point"])
        for line in lines
    ]


PROBLEMS = read_problems()
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not PROBLEMS, reason="the shared data has no humaneval.jsonl here"),
]


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=["namespaces", pytest.param("docker", marks=pytest.mark.full)]
)
async def judge(request: pytest.FixtureRequest) -> AsyncGenerator[Judge]:
    backend = make_backend(request.param)
    async with judging(backend, slots=2, queue=10_000, settings=JudgeSettings(warm_suites=4)) as judge:
        yield judge


async def test_every_solution_passes_with_the_suite_elsewhere(judge: Judge):
    jobs = [problem.job(problem.prompt + problem.solution) for problem in PROBLEMS]
    said = await asyncio.gather(*map(judge.judge, jobs))
    failed = {problem.name: verdict.first_failure for problem, verdict in zip(PROBLEMS, said, strict=True)}
    assert {name: failure for name, failure in failed.items() if failure} == {}
    assert {verdict.isolation for verdict in said} == {Isolation.SEPARATE}


async def test_the_prompt_may_be_the_prelude(judge: Judge):
    some = PROBLEMS[::EVERY]
    jobs = [problem.job(problem.prompt + problem.solution, prelude=problem.prompt) for problem in some]
    assert [verdict.first_failure for verdict in await asyncio.gather(*map(judge.judge, jobs))] == [""] * len(some)


class Breaking(ast.NodeTransformer):
    """Breaks the place of a function that its number says."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.seen = 0

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None and self._here():
            return ast.copy_location(ast.Return(ast.List([node.value], ast.Load())), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.UnaryOp(ast.Not(), node), node) if self._here() else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and self._here():
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add) and self._here():
            node.op = ast.Sub()
        return node

    def _here(self) -> bool:
        self.seen += 1
        return self.seen == self.place + 1


def mutants(problem: Problem) -> Iterator[str]:
    """Broken programs, one change each; some are as right as before, but never all. The last do next to nothing."""
    source = problem.prompt + problem.solution
    for place in range(1000):
        tree = ast.parse(source)
        breaking = Breaking(place)
        breaking.visit(tree)
        if breaking.seen <= place:
            break
        yield ast.unparse(ast.fix_missing_locations(tree))
    name = problem.entry_point
    yield f"{source}\ndef {name}(*given, right={name}): return [right(*given)]"
    yield f"{source}\ndef {name}(*given): raise ValueError"
    yield f"{source}\ndef {name}(*given): return object()"


async def broken_are_found(judge: Judge, problem: Problem) -> None:
    found: list[Verdict] = []
    for source in mutants(problem):
        found.append(await judge.judge(problem.job(source, limits=MUTANT_LIMITS)))
        if sum(not verdict.passed for verdict in found) == MUTANTS:
            return
    pytest.fail(f"{problem.name}: {[verdict.first_failure for verdict in found]}")


@pytest.mark.parametrize("problem", PROBLEMS[::EVERY], ids=lambda problem: problem.name)
async def test_three_mutants_fail(judge: Judge, problem: Problem):
    await broken_are_found(judge, problem)


@pytest.mark.full
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
async def test_three_mutants_of_every_solution_fail(judge: Judge, problem: Problem):
    await broken_are_found(judge, problem)
