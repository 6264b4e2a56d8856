"""Registered plugins asked over a queue: as a server asks its own, whoever does the jobs and however often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

import pytest
import pytest_asyncio

from assay.sdk import FinishedGroup, GroupMember, Sample, Score, Step, Unscorable, Verdict
from assay_sandbox.admission import Busy
from assay_sandbox.protocol import SandboxUnavailable
from assay_server.execution.cpu.channel import Computed, Outcome
from assay_server.execution.item_clock import ItemClock
from assay_server.execution.queue import JobFailed, JobHandler, LocalQueue
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.plugin_jobs import plugin_jobs
from assay_server.execution.queue.plugins_by_workers import PluginsByWorkers
from assay_server.execution.registered.declarations import Declaration
from assay_server.execution.registered.hosts import HostSettings, PluginHosts
from assay_server.execution.registered.plain import Asked, encode_asked
from assay_server.execution.registered.processes import BrokenSource, PluginProcesses
from assay_server.execution.registered.sources import PluginSource
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
TENANT, ANOTHER = "tenant", "another"
SECONDS = 60.0

SOURCE = """
import os, time
from assay.sdk import Score, Unscorable, reward

asked = 0

@reward("acme/one-v1", bounds=(0, 1000))
def one(sample, *, scale: float = 1.0):
    global asked
    asked += 1
    match sample.response:
        case "good": return Score(0.5 * scale)
        case "asked": return Score(float(asked))
        case "process": return Score(1.0, answer_key=open("/proc/sys/kernel/random/uuid").read() if asked == 1 else "")
        case "exit": os._exit(0)
        case "crash": os.kill(os.getpid(), 9)
        case "hang":
            while True: pass
        case "memory": return Score(float(len(bytearray(4 << 30))))
        case "refuse": raise Unscorable("NOT_TODAY", "no", field="reference.answer", retryable=True)
        case "wrong": return "a text"
        case _: time.sleep(float(sample.response)); return Score(0.25)
"""
ESTIMATOR = """
from assay.sdk import estimator

@estimator("acme/twice-v1")
def twice(group):
    return [2 * member.reward for member in group.members]
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hosts(sandboxes: Sandboxes) -> AsyncGenerator[PluginHosts]:
    hosts = PluginHosts(sandboxes, 4, HostSettings(load_seconds=SECONDS))
    yield hosts
    await hosts.close()


def free(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@asynccontextmanager
async def fleet(
    handler: JobHandler, place: Callable[[str], AbstractContextManager[None]] = free
) -> AsyncGenerator[PluginsByWorkers]:
    """A server, and one worker with four slots."""
    queue = LocalQueue(handler, 4)
    plugins = PluginsByWorkers(queue, place)
    try:
        yield plugins
    finally:
        await plugins.close()
        await queue.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plugins(hosts: PluginHosts) -> AsyncGenerator[PluginsByWorkers]:
    async with fleet(job_handler(plugin_jobs(hosts))) as plugins:
        yield plugins


class Plugin:
    """A plugin that is declared, and the items that it is given."""

    def __init__(self, plugins: PluginProcesses, source: PluginSource, declared: Declaration, tenant: str) -> None:
        self.source, self.declaration = source, declared
        self._plugins = plugins
        self._tenant = tenant

    @classmethod
    async def of(cls, plugins: PluginProcesses, text: str = SOURCE, tenant: str = TENANT) -> Plugin:
        source = PluginSource(text)
        return cls(plugins, source, await plugins.declared(tenant, source), tenant)

    async def says(self, text: str, seconds: float = SECONDS, scale: float = 1.0) -> Outcome:
        """The outcome, in the time of an item."""
        sample = Sample("r", text, {"answer": "18"}, steps=(Step(0, text),))
        return await self.ask(lambda number: encode_asked(Asked(number, {"scale": scale}, sample=sample)), seconds)

    async def ask(self, question: Callable[[int], bytes], seconds: float = SECONDS) -> Outcome:
        async def work() -> Outcome:
            try:
                return await self._plugins.said(self._tenant, self.source, self.declaration, question)
            except Unscorable as error:
                return error

        clock = ItemClock(seconds)
        task = clock.begin(work(), "item")
        try:
            assert await clock.until_done(task), "the clock of the server ran, though the worker has one"
            said = task.result()
            assert isinstance(said, Score | Computed | Unscorable)
            return said
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def value(self, text: str, seconds: float = SECONDS) -> object:
        """The value, else the reason why there is none."""
        said = await self.says(text, seconds)
        return said.value if isinstance(said, Score) else said.reason if isinstance(said, Unscorable) else said


async def test_items_are_answered_with_their_own_parameters_in_a_process_that_stays(
    plugins: PluginsByWorkers, hosts: PluginHosts
) -> None:
    plugin = await Plugin.of(plugins)
    assert plugin.declaration.id == "acme/one-v1"
    before = hosts.started
    said = await asyncio.gather(*(plugin.says("good", scale=float(n)) for n in range(100)))
    assert [one.value for one in said if isinstance(one, Score)] == [0.5 * n for n in range(100)]
    assert hosts.started - before <= 2  # as many as a tenant may have at a time


async def test_troubles_have_the_words_that_they_have_on_a_server_and_touch_nobody_else(
    plugins: PluginsByWorkers,
) -> None:
    plugin = await Plugin.of(plugins)
    texts = ("good", "exit", "good", "crash", "good", "wrong", "memory", "good", "hang", "good")
    said = await asyncio.gather(*(plugin.value(text, 2.0 if text == "hang" else SECONDS) for text in texts))
    assert said == [
        0.5, "REWARD_EXITED", 0.5, "REWARD_CRASHED", 0.5,
        "REWARD_FAILED", "MEMORY_LIMIT", 0.5, "DEADLINE_EXCEEDED", 0.5,
    ]  # fmt: skip
    refused = await plugin.says("refuse")
    assert isinstance(refused, Unscorable)
    assert (refused.reason, refused.field, refused.retryable) == ("NOT_TODAY", "reference.answer", True)


async def test_hung_items_leave_slots_to_other_tenants(hosts: PluginHosts) -> None:
    async with fleet(job_handler(plugin_jobs(hosts))) as plugins:
        plugin, other = await Plugin.of(plugins), await Plugin.of(plugins, tenant=ANOTHER)
        hung = [asyncio.create_task(plugin.value("hang", 2 * SECONDS)) for _ in range(30)]
        assert [await other.value("good") for _ in range(5)] == [0.5] * 5
        for task in hung:
            assert not task.done()
            task.cancel()
        await asyncio.gather(*hung, return_exceptions=True)


async def test_a_process_never_serves_another_tenant(hosts: PluginHosts) -> None:
    async with fleet(job_handler(plugin_jobs(hosts))) as plugins:
        text = SOURCE + "# apart"
        ours = await Plugin.of(plugins, text)
        assert [await ours.value("asked") for _ in range(3)] == [1.0, 2.0, 3.0]
        theirs = await Plugin.of(plugins, text, ANOTHER)
        assert await theirs.value("asked") == 1.0
        assert await ours.value("asked") == 4.0


async def test_what_is_forgotten_is_asked_in_processes_that_begin_then(plugins: PluginsByWorkers) -> None:
    plugin = await Plugin.of(plugins, SOURCE + "# fresh")
    for _ in range(2):
        plugins.forget(TENANT, plugin.source)
        assert [await plugin.value("asked") for _ in range(3)] == [1.0, 2.0, 3.0]


async def test_groups_are_told_and_answered(plugins: PluginsByWorkers) -> None:
    plugin = await Plugin.of(plugins, ESTIMATOR)
    members = tuple(GroupMember(f"r{n}", float(n), verdict=Verdict.CORRECT) for n in range(3))
    asked = Asked(0, {}, groups=(FinishedGroup("g", members),))
    assert await plugin.ask(lambda number: encode_asked(Asked(number, {}, groups=asked.groups))) == Computed(
        ((0.0, 2.0, 4.0),)
    )


async def test_a_long_source_goes_to_a_worker_once(hosts: PluginHosts) -> None:
    sizes: list[int] = []
    do = job_handler(plugin_jobs(hosts))

    async def weighed(tenant: str, payload: bytes) -> bytes:
        sizes.append(len(payload))
        return await do(tenant, payload)

    async with fleet(weighed) as plugins:
        plugin = await Plugin.of(plugins, SOURCE + "#" * 50_000)
        assert [await plugin.value("good") for _ in range(4)] == [0.5] * 4
    declared, unknown, told, *rest = sizes
    assert declared > 50_000
    assert told > 50_000
    assert max(unknown, *rest) < 5_000


async def test_items_that_come_in_numbers_share_jobs(hosts: PluginHosts) -> None:
    jobs: list[int] = []
    do = job_handler(plugin_jobs(hosts))

    async def counted(tenant: str, payload: bytes) -> bytes:
        jobs.append(len(json.loads(payload).get("items", ())))
        return await do(tenant, payload)

    async with fleet(counted) as plugins:
        plugin = await Plugin.of(plugins)
        assert await asyncio.gather(*(plugin.value("good") for _ in range(200))) == [0.5] * 200
        assert max(jobs) == 16
        jobs.clear()
        slow = await asyncio.gather(*(plugin.value("0.3") for _ in range(40)))
    assert slow == [0.25] * 40
    assert sum(jobs) > 40  # those behind slow ones were handed back and came again


async def test_who_waits_no_more_is_not_asked_for(hosts: PluginHosts) -> None:
    gate, begun, asked = asyncio.Event(), asyncio.Semaphore(0), list[bytes]()
    do = job_handler(plugin_jobs(hosts))

    async def held(tenant: str, payload: bytes) -> bytes:
        asked.append(payload)
        if b'"items"' in payload:
            begun.release()
            await gate.wait()
        return await do(tenant, payload)

    async with fleet(held) as plugins:
        plugin = await Plugin.of(plugins)
        first = [asyncio.create_task(plugin.value("good")) for _ in range(8)]
        for _ in range(4):
            await begun.acquire()
        behind = [asyncio.create_task(plugin.value(text)) for text in ["regretted"] * 19 + ["good"]]
        for _ in range(5):
            await asyncio.sleep(0)  # they have come by then, or do not come any more
        for task in behind[:19]:
            task.cancel()
        await asyncio.gather(*behind[:19], return_exceptions=True)
        gate.set()
        assert await asyncio.gather(*first, behind[19]) == [0.5] * 9
    assert not [payload for payload in asked if b"regretted" in payload]


async def test_an_item_that_ends_workers_is_given_up_alone(hosts: PluginHosts) -> None:
    do = job_handler(plugin_jobs(hosts))

    async def dying(tenant: str, payload: bytes) -> bytes:
        if b"crash" in payload:
            raise RuntimeError("as a worker that is lost with the job")
        return await do(tenant, payload)

    async with fleet(dying) as plugins:
        plugin = await Plugin.of(plugins, SOURCE.replace('"crash"', '"cr" "ash"'))
        texts = ["good"] * 20 + ["crash"] + ["good"] * 20
        said = await asyncio.gather(*(plugin.value(text) for text in texts))
    assert said == [*[0.5] * 20, "JOB_DEAD", *[0.5] * 20]


async def test_what_the_queue_says_is_the_items_status(hosts: PluginHosts) -> None:
    async def lost(tenant: str, payload: bytes) -> bytes:
        raise JobFailed("JOB_LOST", f"{tenant} {payload!r:.0}", retryable=True)

    source = PluginSource(SOURCE)
    declaration = await hosts.declared(TENANT, source)
    async with fleet(lost) as plugins:
        plugin = Plugin(plugins, source, declaration, TENANT)
        assert await asyncio.gather(*(plugin.value("good") for _ in range(3))) == ["JOB_DEAD"] * 3
        with pytest.raises(JobFailed):
            await plugins.declared(TENANT, source)

    begun = asyncio.Semaphore(0)

    async def never(tenant: str, payload: bytes) -> bytes:
        begun.release()
        await asyncio.Event().wait()
        return payload + tenant.encode()

    async with fleet(never) as plugins:
        plugin = Plugin(plugins, source, declaration, TENANT)
        waiting = [asyncio.create_task(plugin.value("good")) for _ in range(20)]
        for _ in range(4):
            await begun.acquire()
        await plugins.close()
        assert await plugin.value("good") == "QUEUE_CLOSED"
        assert await asyncio.gather(*waiting) == ["QUEUE_CLOSED"] * 20


async def test_what_cannot_be_declared_is_told_as_a_server_tells_it(plugins: PluginsByWorkers) -> None:
    with pytest.raises(BrokenSource, match="SyntaxError"):
        await plugins.declared(TENANT, PluginSource("def f(:"))
    nowhere = Sandboxes(SandboxSettings(backend="none"), lambda _: None)
    async with fleet(job_handler(plugin_jobs(PluginHosts(nowhere, 4)))) as broken:
        with pytest.raises(SandboxUnavailable):
            await broken.declared(TENANT, PluginSource(SOURCE))

    def full(tenant: str) -> AbstractContextManager[None]:
        raise Busy(1.0, tenant)

    async with fleet(job_handler({}), full) as busy:
        with pytest.raises(Busy):
            await busy.declared(TENANT, PluginSource(SOURCE))
