"""The talk with a REPL, replayed from a transcript, on plain subprocesses."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from assay_sandbox.judging import Job, judging
from assay_sandbox.proofs.proving import STAGES, ProofSuite, Provers, without_header
from assay_sandbox.proofs.repl import PROGRAM, Message, ReplEnded, Reply, decode_reply, encode_command
from assay_sandbox.suites.reading import read_suite
from assay_sandbox.suites.verdict import TestOutcome, Unjudged, Verdict
from tests.sandboxes.plain_backend import PlainBackend
from tests.sandboxes.real_backends import make_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent
REPLAYING = (sys.executable, str(HERE / "replaying_repl.py"), str(HERE / "session.transcript"))
TWO = "theorem two : 1 + 1 = 2"
SUITE = ProofSuite(TWO)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def provers() -> AsyncGenerator[Provers]:
    backend = PlainBackend()
    await backend.start()
    provers = Provers(backend, argv=REPLAYING)
    yield provers
    await provers.close()
    await backend.stop()


def outcomes(verdict: Verdict) -> dict[str, str]:
    """Until the first test that did not pass."""
    assert tuple(test.name for test in verdict.tests) == STAGES
    failed = next((at for at, test in enumerate(verdict.tests) if test.outcome is not TestOutcome.PASSED), len(STAGES))
    assert all(test.outcome is TestOutcome.NOT_RUN for test in verdict.tests[failed + 1 :])
    return {test.name: test.outcome.value for test in verdict.tests[failed : failed + 1]}


@pytest.mark.parametrize(
    "proof", [f"{TWO} := rfl", f"{TWO} := by\n  simp", f"import Mathlib\nopen Nat\n\n{TWO} := rfl"]
)
async def test_a_proof_passes(provers: Provers, proof: str) -> None:
    header = "import Mathlib\nopen Nat" if proof.startswith("import") else ""
    verdict = await provers.verdict("a", proof, ProofSuite(TWO, header))
    assert verdict.passed, verdict.first_failure
    assert outcomes(verdict) == {}


@pytest.mark.parametrize(
    ("proof", "stage", "words"),
    [
        (f"{TWO} := by sorry", "words", "sorry"),
        (f"{TWO} := by exact 3", "elaboration", "type mismatch"),
        (f"{TWO} := by exact?", "elaboration", "gap"),
        (f"{TWO} := gap", "elaboration", "gap"),
        ("theorem two : 2 = 2 := rfl", "statement", "something else"),
        ("theorem three : 1 + 1 = 2 := rfl", "statement", "no theorem two"),
        (f"{TWO} := by decide +native", "axioms", "Lean.ofReduceBool"),
        (f"{TWO} := by hidden", "axioms", "sorryAx"),
    ],
)
async def test_what_proves_nothing_fails_where_it_does(provers: Provers, proof: str, stage: str, words: str) -> None:
    verdict = await provers.verdict("a", proof, SUITE)
    assert outcomes(verdict) == {stage: "FAILED"}
    assert words in verdict.first_failure


async def test_the_end_of_the_repl_is_the_proofs_doing_and_the_next_one_gets_another(provers: Provers) -> None:
    for proof in ("-- dies", "-- babbles", f"{TWO} := by odd"):
        assert outcomes(await provers.verdict("a", proof, SUITE)) == {"elaboration": "ERROR"}
    slow = ProofSuite(TWO, wall_ms=300)
    assert outcomes(await provers.verdict("a", "-- sleeps", slow)) == {"elaboration": "TIMEOUT"}
    assert (await provers.verdict("a", f"{TWO} := rfl", SUITE)).passed


async def test_a_repl_is_kept_for_its_tenant_and_header(provers: Provers) -> None:
    await provers.close()
    for tenant, header in (("a", ""), ("a", ""), ("b", ""), ("b", "import Mathlib\nopen Nat")):
        assert (await provers.verdict(tenant, f"{TWO} := rfl", ProofSuite(TWO, header))).passed
    assert provers.idle == 3


async def test_a_repl_that_ends_while_it_waits_is_no_proofs_doing() -> None:
    backend = PlainBackend()
    await backend.start()
    provers = Provers(backend, argv=(*REPLAYING, "6"))  # what one proof takes
    for _ in range(3):
        assert (await provers.verdict("a", f"{TWO} := rfl", SUITE)).passed
    await provers.close()
    await backend.stop()


async def test_a_bad_header_or_statement_is_not_the_proofs_fault(provers: Provers) -> None:
    for suite in (ProofSuite(TWO, "import Nothing"), ProofSuite("theorem bad : 1 + = 2"), ProofSuite("example : True")):
        with pytest.raises(Unjudged) as caught:
            await provers.verdict("a", f"{TWO} := rfl", suite)
        assert caught.value.reason == "BAD_SUITE"


async def test_without_a_toolchain_nothing_is_said_of_the_proof() -> None:
    backend = PlainBackend()
    provers = Provers(backend, argv=("sh", "-c", "exit 127"))
    with pytest.raises(Unjudged) as caught:
        await provers.verdict("a", f"{TWO} := rfl", SUITE)
    assert caught.value.reason == "LANGUAGE_UNAVAILABLE"
    assert provers.idle == 0


@pytest.mark.parametrize("proof", [f"{TWO} := rfl", f"{TWO} := by sorry"])
async def test_a_real_sandbox_without_lean_says_so_whatever_the_proof(proof: str) -> None:
    if shutil.which(PROGRAM):
        pytest.skip("this machine has Lean")
    suite = read_suite({"kind": "proof", "statement": TWO, "memoryBytes": 1 << 30})
    async with judging(make_backend("namespaces")) as judge:
        with pytest.raises(Unjudged) as caught:
            await judge.judge(Job("lean", proof, suite))
    assert caught.value.reason == "LANGUAGE_UNAVAILABLE"


GREEDY = """
import json, sys
answers = [{"env": 0}, {"env": 1}, {"env": 2, "messages": [{"severity": "info", "data": "two : True"}]}]
for line in sys.stdin:
    if line.strip():
        if not answers:
            held = bytearray(1 << 32)
            held[::4096] = b"x" * len(held[::4096])
        print(json.dumps(answers.pop(0)) + "\\n", flush=True)
"""


@pytest.mark.skipif(not shutil.which("python3", path="/usr/bin"), reason="the sandbox sees no python3 to execute")
async def test_a_proof_that_takes_too_much_memory_fails_by_that() -> None:
    backend = make_backend("namespaces")
    await backend.start()
    provers = Provers(backend, argv=("python3", "-c", GREEDY))
    verdict = await provers.verdict("a", f"{TWO} := rfl", ProofSuite(TWO, memory_bytes=256 << 20))
    # Where memory is bounded by its address space alone the program is told, and ends by itself.
    assert outcomes(verdict) == {"elaboration": "MEMORY" if backend.probe().memory_enforced else "ERROR"}
    await provers.close()
    await backend.stop()


@pytest.mark.parametrize("odd", [{}, {"statement": 1}, {"statement": TWO, "wallMs": 0}, {"statement": TWO, "x": 1}])
async def test_odd_suites_are_refused(odd: dict[str, str | int]) -> None:
    with pytest.raises(Unjudged):
        read_suite({"kind": "proof", **odd})


async def test_commands_and_answers_have_the_protocols_form() -> None:
    assert encode_command("a\n\nb", 3) == b'{"cmd": "a\\n\\nb", "env": 3}\n\n'
    assert encode_command("a", None) == b'{"cmd": "a"}\n\n'
    assert decode_reply({"env": 6}) == Reply(6)
    assert decode_reply({"message": "Unknown environment."}) == Reply(-1, (Message("error", "Unknown environment."),))
    odd_ones: tuple[object, ...] = (
        None,
        [],
        {},
        {"env": "1"},
        {"env": 1, "messages": {}},
        {"env": 1, "messages": [{"data": "x"}]},
    )
    for odd in odd_ones:
        with pytest.raises(ReplEnded):
            decode_reply(odd)


async def test_only_the_headers_own_lines_are_left_out() -> None:
    assert (
        without_header("import Mathlib\n\nopen Nat\nx\nimport Mathlib", "import Mathlib\nopen Nat")
        == "x\nimport Mathlib"
    )
    assert without_header("import Other\nx", "import Mathlib") == "import Other\nx"
