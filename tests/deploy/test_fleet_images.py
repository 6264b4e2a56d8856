"""The image built and the fleet's composition brought up on a real daemon: two servers, two workers, one Redis."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay import Client, CodeJob, GroupResult, Rollout, RunConfig, SampleResult
from assay.sdk import Json
from tests.docker_daemon import docker_with_networks, imported_debian

from .composing import Composition

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
SERVERS = ("127.0.0.1:50051", "127.0.0.1:50052")
GROUPS, SIZE = 16, 8
PACKAGES = ("python3-venv", "python-is-python3", "ca-certificates", "redis-server")
REDIS = "FROM {base}\nRUN mkdir /data && chown 999:999 /data\nVOLUME /data\nWORKDIR /data\n"
ADDS: dict[str, Json] = {"kind": "calls", "entryPoint": "add", "cases": [{"args": [1, 2], "expected": 3}]}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    docker = docker_with_networks()
    base = imported_debian(docker, PACKAGES)
    passwords = {f"{role}_PASSWORD": secrets.token_hex(16) for role in ("GATEWAY", "WORKER", "OPERATOR")}
    fleet = Composition(docker, ROOT / "deploy/compose.fleet.yaml", passwords)
    redis = tmp_path_factory.mktemp("redis")
    (redis / "Dockerfile").write_text(REDIS.format(base=base))
    fleet.docker("build", "--tag=redis:7.2", str(redis))
    arguments = ["--network=host", f"--build-arg=PYTHON_IMAGE={base}", "--tag=assay:0.1.0"]
    fleet.docker("build", *arguments, f"--file={ROOT / 'deploy/Dockerfile'}", str(ROOT))
    try:
        fleet.up()
        yield fleet
    finally:
        fleet.down()


@pytest.fixture
def token(fleet: Composition) -> str:
    return fleet.docker("exec", fleet.containers("assay-1")[0], "cat", "/var/lib/assay/token").strip()


def rollouts() -> list[Rollout]:
    return [
        Rollout(
            f"g{group}.{member}", group_id=f"g{group}", group_size=SIZE, prompt_id=f"g{group}",
            response=f"So the answer is \\boxed{{{40 + member}}}.", reference={"answer": "42"},
        )
        for member in range(SIZE) for group in range(GROUPS)
    ]  # fmt: skip


def test_groups_are_answered_though_a_server_is_killed_among_them(fleet: Composition, token: str) -> None:
    sent = rollouts()
    (first,) = fleet.containers("assay-1")
    with Client(",".join(SERVERS), token) as client:
        run = client.create_run(RunConfig(run_id="images", reward="math", estimator="advantage/grpo"))
        with client.stream(run.run_id, "rank-0") as stream:
            for rollout in sent[: len(sent) // 2]:
                stream.send(rollout)
            fleet.docker("kill", first)
            for rollout in sent[len(sent) // 2 :]:
                stream.send(rollout)
            stream.finish()
            events = list(stream)
    values = {event.rollout_id: event.value for event in events if isinstance(event, SampleResult)}
    assert values == {rollout.rollout_id: float(rollout.rollout_id.endswith(".2")) for rollout in sent}
    groups = [event for event in events if isinstance(event, GroupResult)]
    assert sorted(group.group_id for group in groups) == sorted({rollout.group_id for rollout in sent})
    fleet.docker("start", first)
    fleet.until_healthy("assay-1")


def test_programs_are_judged_by_the_workers_in_sandboxes(fleet: Composition, token: str) -> None:
    right, wrong = "def add(a, b):\n    return a + b\n", "import sys\nsys.exit(0)\n"
    with Client(SERVERS[1], token) as client:
        verdicts = [result.passed for result in client.run_tests([CodeJob(right, ADDS), CodeJob(wrong, ADDS)])]
    assert verdicts == [True, False]
    for worker in fleet.containers("worker"):
        # What it finds of a server's addresses is not a worker's matter; so not how it exits.
        said = fleet.docker("exec", worker, "sh", "-c", "assay doctor --json || true")
        assert "namespaces: floor isolation" in said


def test_a_server_with_mutual_tls_is_healthy(fleet: Composition, tmp_path: Path) -> None:
    certificates = tmp_path / "certificates"
    subprocess.run([ROOT / "deploy/make-certificates", certificates, "localhost"], check=True, timeout=60)
    tls = {"CERTIFICATE": "server.pem", "KEY": "server.key", "CLIENT_CA": "authority.pem"}
    said = [word for name, file in tls.items() for word in ("--env", f"ASSAY_TLS_{name}=/run/certificates/{file}")]
    name = "assay-with-tls"
    try:
        mount = f"{certificates}:/run/certificates:ro"
        fleet.docker("run", "--detach", f"--name={name}", "--volume", mount, *said, "assay:0.1.0")
        fleet.until_container_is_healthy(name)
    finally:
        fleet.docker("rm", "--force", "--volumes", name)


def test_members_end_gracefully(fleet: Composition) -> None:
    members = [name for service in ("assay-1", "assay-2", "worker") for name in fleet.containers(service)]
    fleet.docker("stop", "--time=60", *members)
    codes = fleet.docker("inspect", "--format={{.State.ExitCode}}", *members).split()
    assert codes == ["0"] * len(members)
