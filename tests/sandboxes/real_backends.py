"""The backends that tests run against, each where this machine has it."""

from __future__ import annotations

import pytest

from assay_sandbox.containers.backend import DockerBackend, DockerSettings
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Backend, Grade
from tests.docker_daemon import IMAGE, docker

BACKENDS = ("namespaces", "namespaces without cgroups", pytest.param("docker", marks=pytest.mark.full))


def make_backend(name: str) -> Backend:
    """Not started. Skips where this machine gives no sandbox."""
    if name == "docker":
        return DockerBackend(DockerSettings(IMAGE, docker=docker()))
    backend = NamespacesBackend(NamespacesSettings(cgroups=name == "namespaces"))
    if backend.probe().grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {backend.probe()}")
    return backend
