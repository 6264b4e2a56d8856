"""What rewards of a tenant reach through their ports is that tenant's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pytest

from assay.sdk import Json, PlayedEpisode, PolicyTrial, SuiteReport, Unscorable
from assay_server.execution.server_ports import ServerPorts
from assay_server.store.memory import MemoryStore


class Named:
    """A sandbox that tells whose it is."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        del language, source, suite
        return SuiteReport(passed=False, pass_fraction=0.0, tests=(), compile_output=self._tenant)

    async def play(self, source: str, trial: PolicyTrial) -> Sequence[PlayedEpisode]:
        del source, trial
        return ()


async def test_blobs_are_those_of_the_tenant():
    store = MemoryStore()
    digest = hashlib.sha256(b"picture").hexdigest()
    await store.put_objects("ours", "blob", {digest: b"picture"})
    ports = ServerPorts(store)
    assert await ports.of("ours").blobs.get(digest) == b"picture"
    for stranger in (ports, ports.of("theirs"), ports.of("ours").of("theirs")):
        with pytest.raises(Unscorable, match="is not known"):
            await stranger.blobs.get(digest)


async def test_programs_run_for_the_tenant():
    ports = ServerPorts(MemoryStore(), sandbox=Named)
    for tenant in ("ours", "theirs"):
        report = await ports.of("other").of(tenant).sandbox.run_tests("python", "", {})
        assert report.compile_output == tenant
