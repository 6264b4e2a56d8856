"""Programs that go for the machine or for other runs: each gets what it wants from the weak harness, none from a
sandbox. What counts is seen from outside: a file, a process, a socket, a secret in the output."""

from __future__ import annotations

import ast
import ctypes
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from assay_sandbox.protocol import Backend, Launch, Limits, PythonCall
from tests.hostile.stage import Stage
from tests.hostile.weak_harness import run_weakly
from tests.sandboxes.real_backends import BACKENDS, make_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDER = Path(__file__).parent
LIMITS = Limits(cpu_ms=400, wall_ms=1000, memory_bytes=128 << 20, pids=64, file_bytes=32 << 20, output_bytes=1 << 20)
WEAK_SECONDS = 30.0
HELD_OPEN_SECONDS = 3.0
_IO_URING_SETUP = 425


@dataclass(frozen=True, slots=True)
class Attack:
    """A hostile program and what its docstring says of it."""

    name: str
    source: str
    proof: str
    needs: str
    not_in: str

    @property
    def wants_victim(self) -> bool:
        """Whether it goes for another process."""
        return self.proof in ("secret", "killed") or "victim" in self.source


def read_attack(path: Path) -> Attack:
    source = path.read_text()
    lines = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    said = dict(line.rstrip(".").split(": ", 1) for line in lines[1:] if ": " in line)
    assert said.keys() >= {"Stopped by", "Proof"}, path
    return Attack(path.stem.removeprefix("host_"), source, said["Proof"], said.get("Needs", ""), said.get("Not in", ""))


ATTACKS = {attack.name: attack for attack in map(read_attack, sorted(FOLDER.glob("host_*.py")))}


def succeeded(attack: Attack, stage: Stage, stdout: bytes) -> bool:
    """Whether the program has got what it wanted."""
    match attack.proof:
        case "secret":
            return stage.secret.encode() in stdout
        case "reached":
            return b"reached" in stdout
        case "flooded":
            return len(stdout) > LIMITS.output_bytes
        case "written":
            return stage.wrote()
        case "contacted":
            return stage.contacted()
        case "killed":
            return stage.victim_suffered()
        case "survivor":
            return bool(stage.survivors())
        case _:
            raise AssertionError(f"{attack.name}: no such proof: {attack.proof}")


def lacking(attack: Attack) -> str:
    """Why the attack would not work here even without a sandbox; empty where it would."""
    if attack.needs == "root" and not (os.geteuid() == 0 and _has_all_capabilities()):
        return "takes an administrator"
    if attack.needs == "io_uring":
        made = ctypes.CDLL(None, use_errno=True).syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
        if made < 0:
            return "the kernel has no io_uring for us"
        os.close(made)
    return ""


def _has_all_capabilities() -> bool:
    status = Path("/proc/self/status").read_text()
    return int(status.split("CapEff:")[1].split()[0], 16).bit_count() >= 38


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncGenerator[Backend]:
    backend = make_backend(request.param)
    await backend.start()
    yield backend
    await backend.stop()


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_sandbox_holds(backend: Backend, name: str):
    attack = ATTACKS[name]
    if attack.not_in.startswith(backend.name):
        pytest.skip(f"does not apply: {attack.not_in}")
    if attack.needs == "cgroups" and not backend.probe().memory_enforced:
        pytest.skip("does not apply: without cgroups the wall limit is what holds")
    with Stage(victim=attack.wants_victim) as stage:
        source = PythonCall("assay_sandbox.harness.script:run", attack.source.encode())
        outcome = await backend.run(Launch(source, LIMITS, stdin=stage.knowledge()))
        if attack.proof == "survivor":
            stage.wait_for_ends()
        assert not succeeded(attack, stage, outcome.stdout), outcome
        assert outcome.wall_ms < 10 * LIMITS.wall_ms


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_weak_harness_does_not(name: str):
    attack = ATTACKS[name]
    if reason := lacking(attack):
        pytest.skip(reason)
    with Stage(victim=attack.wants_victim) as stage:
        seconds = HELD_OPEN_SECONDS if attack.proof == "survivor" else WEAK_SECONDS
        result = run_weakly(attack.source, stdin=stage.knowledge(), seconds=seconds)
        assert succeeded(attack, stage, result.stdout)


async def test_there_are_as_many_as_are_said(backend: Backend):
    assert len(ATTACKS) >= 70
    outcome = await backend.run(Launch(PythonCall("assay_sandbox.harness.script:run", b"print('unharmed')")))
    assert outcome.stdout == b"unharmed\n"
