"""Suites of every kind, with programs that are right, wrong, slow or gone; on plain subprocesses."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from assay_sandbox.admission import Busy
from assay_sandbox.judging import Job, Judge, Program, judging
from assay_sandbox.protocol import Launch, Limits, Running, WorkerLost
from assay_sandbox.suites.reading import Json, read_suite
from assay_sandbox.suites.verdict import Isolation, TestOutcome, Unjudged, Verdict
from tests.sandboxes.plain_backend import PlainBackend

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = Limits(cpu_ms=400, wall_ms=60_000)
LONG = Limits(cpu_ms=20_000, wall_ms=60_000)
P, F, T, N, E = (
    TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.TIMEOUT, TestOutcome.NOT_RUN, TestOutcome.ERROR,
)  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncGenerator[Judge]:
    async with judging(PlainBackend(), slots=4) as judge:
        yield judge


async def verdict(
    judge: Judge, source: str, suite: dict[str, Json], language: str = "python", limits: Limits | None = None
) -> Verdict:
    return await judge.judge(Job(language, textwrap.dedent(source), read_suite(suite), limits=limits or LONG))


def outcomes(verdict: Verdict) -> list[TestOutcome]:
    return [test.outcome for test in verdict.tests]


def asserts(code: str, prelude: str = "", entry_point: str = "f") -> dict[str, Json]:
    return {"kind": "assert", "prelude": prelude, "code": textwrap.dedent(code), "entryPoint": entry_point}


CHECK = asserts("def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n    assert True\n")
CALLS: dict[str, Json] = {
    "kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 2}, {"args": [2], "expected": 3}],
}  # fmt: skip


@pytest.mark.parametrize("suite", [CHECK, CALLS], ids=["assert", "calls"])
@pytest.mark.parametrize(
    ("source", "expected", "message"),
    [
        ("def f(n): return n + 1", [P, P], ""),
        ("def f(n): return 2", [P, F], ""),
        ("def f(n): raise KeyError('gone')", [F, F], "gone"),
        ("import os\ndef f(n):\n    if n == 1: os._exit(0)\n    return 3", [F, P], "ended with status 0"),
        ("import os\ndef f(n): os.abort()", [F, F], "signal 6"),
        ("def f(n):\n    while n == 1: pass\n    return n + 1", [T, P], "400 ms"),
        ("def g(n): return n + 1", [F, F], "'f' is not defined"),
        ("f = 3", [F, F], "not callable"),
        ("raise ValueError('at once')", [F, F], "could not be loaded: ValueError: at once"),
        ("import os; os._exit(3)", [F, F], "status 3"),
        ("def f(n): return [n] * 10 ** 7", [F, F], "broke a limit"),
    ],
)
async def test_programs_and_what_becomes_of_them(
    judge: Judge, suite: dict[str, Json], source: str, expected: list[TestOutcome], message: str
):
    said = await verdict(judge, source, suite, limits=SHORT)
    assert outcomes(said) == expected
    assert said.passed is (expected == [P, P])
    assert said.pass_fraction == expected.count(P) / 2
    assert message in said.first_failure
    assert said.isolation is Isolation.SEPARATE


@pytest.mark.parametrize("suite", [CHECK, CALLS], ids=["assert", "calls"])
async def test_a_syntax_error_is_a_compile_error(judge: Judge, suite: dict[str, Json]):
    said = await verdict(judge, "def f(:", suite)
    assert outcomes(said) == [F, F]
    assert said.compile_output.startswith("SyntaxError: ")


async def test_asserts_at_the_top_are_tests_with_the_names_of_the_candidate(judge: Judge):
    suite = asserts(
        """
        import math
        n = Node(math.floor(1.5))
        assert n.value == 1
        assert depth(n) == LIMIT
        for i in range(3):
            assert Node(i) == Node(i)
        """,
        prelude="root = Node(0)\nassert root",
        entry_point="",
    )
    right = """
        LIMIT = 1
        class Node:
            def __init__(self, value): self.value = value
            def __eq__(self, other): return self.value == other.value
        def depth(node): return 1
        """
    said = await verdict(judge, right, {**suite, "prelude": "root = Node(0)"})
    assert outcomes(said) == [P, P, P]
    assert outcomes(await verdict(judge, "def depth(node): return 1", {**suite, "prelude": ""})) == [F, N, N]


async def test_the_prelude_runs_on_the_suites_side_with_the_program_as_its_entry_point(judge: Judge):
    prelude = "def twice(n):\n    return f(n) * 2\ndef f(n):\n    'to be written'\n"
    suite = asserts("def check(candidate):\n    assert twice(1) == 4\n    assert candidate(twice(1)) == 5\n", prelude)
    assert (await verdict(judge, "def f(n): return n + 1\ndef twice(n): return 0", suite)).passed


@pytest.mark.parametrize(
    "code",
    [
        "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)\n",
        "def check(candidate):\n    for n in range(3):\n        assert candidate(n) == n + 1\n",
        "def equal(one, other):\n    assert one == other\ndef check(candidate):\n    equal(candidate(1), 2)\n",
        "def test_one():\n    assert f(1) == 2\n",
        "import unittest\nclass Cases(unittest.TestCase):\n    def test_one(self): self.assertEqual(f(1), 2)\n",
        "def check():\n    x = f(1)\n    assert x == 2\n",
    ],
)
async def test_forms_of_suites(judge: Judge, code: str):
    assert (await verdict(judge, "def f(n): return n + 1", asserts(code))).passed
    wrong = await verdict(judge, "def f(n): return n", asserts(code))
    assert not wrong.passed
    assert wrong.tests


async def test_methods_can_be_entry_points(judge: Judge):
    source = "class Solution:\n    def f(self, n): return n + 1\n    @staticmethod\n    def g(n): return n + 1\n"
    for entry in ("Solution().f", "Solution.g"):
        assert (await verdict(judge, source, {**CHECK, "entryPoint": entry})).passed
        assert (await verdict(judge, source, {**CALLS, "entryPoint": entry})).passed


@pytest.mark.parametrize(
    "suite",
    [
        asserts("def check(:"),
        asserts("x = 1"),
        asserts("def check(candidate):\n    assert candidate(1) == 2", entry_point=""),
        asserts("assert f(1) == 2", prelude="1 / 0"),
        {"kind": "pytest", "files": {"test_a.py": "def test(:"}},
        {"kind": "pytest", "files": {"test_a.py": "import no_such_module\ndef test_a(): pass"}},
        {"kind": "pytest", "files": {"test_a.py": "x = 1"}},
        {"kind": "stdio", "cases": [{"output": ""}], "checker": {"language": "cobol", "source": ""}},
    ],
)
async def test_a_suite_that_is_at_fault_is_no_verdict(judge: Judge, suite: dict[str, Json]):
    with pytest.raises(Unjudged):
        await verdict(judge, "def f(n): return n", suite)


async def test_pytest_files(judge: Judge):
    text = """
        import pytest, solution
        from solution import Broke, f
        from parts.numbers import NUMBERS

        @pytest.fixture
        def one(tmp_path):
            return 1

        def test_fixture(one): assert f(one) == 2
        @pytest.mark.parametrize("n", NUMBERS)
        def test_each(n): assert solution.f(n) == n + 1
        def test_raises():
            with pytest.raises(Broke, match="no"):
                f(-1)
        def test_prints(capsys):
            f(0)
            assert capsys.readouterr().out == "called\\n"
        @pytest.mark.skip
        def test_skipped(): assert False
        class TestIt:
            def test_missing(self): assert not hasattr(solution, "g")
        """
    files: dict[str, Json] = {
        "test_it.py": textwrap.dedent(text), "parts/__init__.py": "", "parts/numbers.py": "NUMBERS = [1, 2]",
    }  # fmt: skip
    suite: dict[str, Json] = {"kind": "pytest", "files": files}
    right = """
        class Broke(Exception): pass
        def f(n):
            print("called")
            if n < 0: raise Broke("no")
            return n + 1
        """
    said = await verdict(judge, right, suite)
    assert said.passed, said.first_failure
    assert [test.name.partition("::")[2] for test in said.tests] == [
        "test_fixture", "test_each[1]", "test_each[2]", "test_raises", "test_prints", "TestIt::test_missing",
    ]  # fmt: skip
    wrong = await verdict(judge, right.replace("return n + 1", "return 2"), suite)
    assert outcomes(wrong) == [P, P, F, P, P, P]
    missing = await verdict(judge, "def f(n): return n + 1", suite)
    assert outcomes(missing) == [E]
    assert "cannot import name 'Broke'" in missing.first_failure


STDIO: dict[str, Json] = {
    "kind": "stdio",
    "cases": [{"input": "1 2\n", "output": "3"}, {"input": "2 2", "output": "4"}],
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("print(sum(map(int, input().split())))", [P, P]),
        ("print(3)", [P, F]),
        ("print(3)\nraise SystemExit(1)", [E, E]),
        ("import sys\nsys.exit(0)", [F, F]),
        ("print('3' * (1 << 21))", [F, F]),
        ("n = input()\nwhile n == '1 2': pass\nprint(4)", [T, P]),
    ],
)
async def test_programs_that_read_and_write(judge: Judge, source: str, expected: list[TestOutcome]):
    assert outcomes(await verdict(judge, source, STDIO, limits=SHORT)) == expected


async def test_a_checker_of_the_suites_decides(judge: Judge):
    checker = "import json, sys\nq = json.load(sys.stdin)\n"
    checker += "sys.exit(0 if int(q['output']) % int(q['input']) == int(q['expected']) else 'no multiple')"
    cases: list[Json] = [{"input": "7", "output": "0"}]
    suite: dict[str, Json] = {"kind": "stdio", "cases": cases, "checker": {"source": checker}}
    assert (await verdict(judge, "print(21)", suite)).passed
    wrong = await verdict(judge, "print(22)", suite)
    assert "no multiple" in wrong.first_failure
    assert not (await verdict(judge, "print('x')", suite)).passed


async def test_a_judge_talks_with_the_program(judge: Judge):
    source = "import sys\nsecret = int(open('input.txt').read())\nfor _ in range(7):\n    guess = int(input())\n"
    source += "    print('=' if guess == secret else '<' if guess < secret else '>', flush=True)\n"
    source += "    if guess == secret: sys.exit(0)\nsys.exit('too many guesses')\n"
    suite: dict[str, Json] = {"kind": "interactive", "cases": [{"input": "7"}], "judge": {"source": source}}
    right = "low, high = 0, 100\nwhile True:\n    middle = (low + high) // 2\n    print(middle, flush=True)\n"
    right += "    said = input()\n    if said == '=': break\n"
    right += "    if said == '<': low = middle + 1\n    else: high = middle - 1\n"
    assert (await verdict(judge, right, suite)).passed
    wrong = await verdict(judge, "while True:\n    print(1, flush=True)\n    input()\n", suite)
    assert "too many guesses" in wrong.first_failure
    assert not (await verdict(judge, "pass", suite)).passed


FILES: dict[str, Json] = {"test_a.py": "from solution import f\ndef test_a(): assert f(1) == 2"}
ENDS = ("import os\nos._exit(0)", "import os\ndef f(n): os._exit(0)", "raise SystemExit", "def f(:")


@pytest.mark.parametrize("suite", [CHECK, {"kind": "pytest", "files": FILES}], ids=["assert", "pytest"])
async def test_a_suite_may_declare_that_it_shares_the_process(judge: Judge, suite: dict[str, Json]):
    shared = {**suite, "isolation": "IN_PROCESS"}
    said = await verdict(judge, "def f(n): return n + 1", shared)
    assert (said.passed, said.isolation) == (True, Isolation.IN_PROCESS)
    for source in (
        "def f(n): return 0",
        "import os\nos._exit(0)",
        "import os\ndef f(n): os._exit(0)",
        "raise SystemExit",
        "def f(:",
    ):
        assert not (await verdict(judge, source, shared)).passed


async def test_languages_are_named_as_people_name_them(judge: Judge):
    said = await verdict(judge, "read a b; echo $((a + b))", STDIO, "sh")
    assert said.passed, said.first_failure
    broken = await verdict(judge, "if then", STDIO, "bash")
    assert outcomes(broken) == [F, F]
    assert "syntax error" in broken.compile_output
    for language, reason in (("cobol", "UNKNOWN_LANGUAGE"), ("bash", "SUITE_UNSUPPORTED")):
        with pytest.raises(Unjudged) as raised:
            await verdict(judge, "", CALLS, language)
        assert raised.value.reason == reason


async def test_only_compiling_runs_nothing(judge: Judge):
    suite: dict[str, Json] = {"kind": "compile"}
    assert (await verdict(judge, "raise SystemExit(1)", suite)).passed
    said = await verdict(judge, "x = (", suite)
    assert "never closed" in said.compile_output


async def test_a_program_can_be_run_without_being_judged(judge: Judge):
    done = await judge.execute(Program("python", "print(input()[::-1])", b"abc\n"))
    assert done.outcome is not None
    assert (done.outcome.stdout, done.outcome.exit_status) == (b"cba\n", 0)
    told = await judge.execute(Program("python", "import sys; print(sys.argv[1:])", arguments=("a", "b c")))
    assert told.outcome is not None
    assert told.outcome.stdout == b"['a', 'b c']\n"
    broken = await judge.execute(Program("bash", "if then"))
    assert broken.outcome is None
    assert broken.compile_error


async def test_limits_have_limits(judge: Judge):
    with pytest.raises(Unjudged, match="wall_ms"):
        await verdict(judge, "", CALLS, limits=Limits(wall_ms=10**9))


class Unreliable(PlainBackend):
    """Loses the first runs that are opened."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self._losses = losses

    @asynccontextmanager
    async def open(self, launch: Launch) -> AsyncGenerator[Running]:
        self._losses -= 1
        if self._losses >= 0:
            for end in launch.channels:
                end.close()
            raise WorkerLost
        async with super().open(launch) as running:
            yield running


async def test_a_job_whose_sandbox_was_lost_is_begun_again():
    async with judging(Unreliable(2)) as judge:
        assert (await verdict(judge, "def f(n): return n + 1", CHECK)).passed
    async with judging(Unreliable(3)) as judge:
        with pytest.raises(WorkerLost):
            await verdict(judge, "def f(n): return n + 1", CHECK)


async def test_what_there_is_no_room_for_is_refused_at_once_and_the_rest_is_judged():
    async with judging(PlainBackend(), slots=1, queue=2) as judge:
        work = [asyncio.create_task(verdict(judge, "def f(n): return n + 1", CALLS)) for _ in range(5)]
        said = await asyncio.gather(*work, return_exceptions=True)
    assert [one.passed for one in said if isinstance(one, Verdict)] == [True] * 3
    refused = [one for one in said if isinstance(one, Busy)]
    assert len(refused) == 2
    assert all(one.retry_after > 0 for one in refused)


async def test_a_suite_is_loaded_once_for_a_tenant():
    backend = PlainBackend()
    async with judging(backend) as judge:
        for tenant, started in (("a", 2), ("a", 1), ("b", 2), ("a", 1)):
            before = backend.started
            job = Job("python", "def f(n): return n + 1", read_suite(CHECK), tenant, LONG)
            assert (await judge.judge(job)).passed
            assert backend.started - before == started


async def test_a_suite_that_is_gone_is_loaded_again():
    backend = PlainBackend()
    async with judging(backend) as judge:
        assert (await verdict(judge, "def f(n): return n + 1", CHECK)).passed
        assert len(backend.running) == 1
        for running in tuple(backend.running):
            running.kill()
            await running.outcome()
        assert (await verdict(judge, "def f(n): return n + 1", CHECK)).passed


async def test_where_sockets_cannot_be_handed_over_a_suite_has_some_from_its_start():
    backend = PlainBackend(hands_over_sockets=False)
    async with judging(backend) as judge:
        for _ in range(6):
            assert (await verdict(judge, "def f(n): return n + 1", CHECK)).passed
        assert backend.started == 6 + 2
        many = asserts("def check(candidate):\n" + "    assert candidate(1) == 2\n" * 6)
        said = await verdict(judge, "import os\ndef f(n): os._exit(0)", many)
        assert outcomes(said) == [F, F, F, F, N, N]
