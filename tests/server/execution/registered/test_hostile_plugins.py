"""Registered plugins that are hostile on purpose: what each does is its own trouble, and everybody else is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import pytest
import pytest_asyncio

from assay.sdk import Sample, Score, Step, Unscorable
from assay_server.execution.item_clock import ItemClock
from assay_server.execution.registered.declarations import Declaration
from assay_server.execution.registered.hosts import HostSettings, PluginHosts
from assay_server.execution.registered.plain import Asked, encode_asked
from assay_server.execution.registered.processes import BrokenSource
from assay_server.execution.registered.sources import PluginSource
from assay_server.execution.sandboxes import Sandboxes

pytestmark = pytest.mark.asyncio(loop_scope="module")
TENANT = "tenant"
SECONDS = 30.0

SOURCE = """
import os, sys, socket, threading, time, json
from assay.sdk import Score, Unscorable, Verdict, Evidence, reward

@reward("bad/one-v1", bounds=(0, 1))
def one(sample):
    what = sample.response
    if what == "good":
        return Score(0.5)
    {body}
    return Score(0.25)
"""
DEEP = """d = []
    for _ in range(100000): d = [d]
    return Score(0.5, evidence=Evidence(detail={'d': d}))"""
EVERYWHERE = r"""for fd in range(64):
        try: os.write(fd, b'\0\0\0\2A{}')
        except OSError: pass"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hosts(sandboxes: Sandboxes) -> AsyncGenerator[PluginHosts]:
    hosts = PluginHosts(sandboxes, 4, HostSettings(load_seconds=SECONDS))
    yield hosts
    await hosts.close()


class Plugin:
    """A plugin that is declared, and the items that it is given."""

    def __init__(self, hosts: PluginHosts, source: PluginSource, declaration: Declaration, tenant: str) -> None:
        self._hosts = hosts
        self._source = source
        self._declaration = declaration
        self._tenant = tenant

    @classmethod
    async def of(cls, hosts: PluginHosts, body: str, tenant: str = TENANT) -> Plugin:
        source = PluginSource(SOURCE.format(body=body))
        return cls(hosts, source, await hosts.declared(tenant, source), tenant)

    async def says(self, text: str, seconds: float = SECONDS) -> object:
        """The value, else the reason why there is none, else that the time was over."""
        sample = Sample("r", text, {"answer": "18"}, steps=(Step(0, text),))

        def question(number: int) -> bytes:
            return encode_asked(Asked(number, {}, sample=sample))

        async def work() -> object:
            try:
                said = await self._hosts.said(self._tenant, self._source, self._declaration, question)
            except Unscorable as error:
                return error.reason
            return said.value if isinstance(said, Score) else said.reason if isinstance(said, Unscorable) else said

        clock = ItemClock(seconds)
        task = clock.begin(work(), "item")
        try:
            return task.result() if await clock.until_done(task) else "over"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(0)", "REWARD_EXITED"),
        ("sys.exit(0)", "REWARD_FAILED"),
        ("os.kill(os.getpid(), 9)", "REWARD_CRASHED"),
        ("import ctypes; ctypes.string_at(1)", "REWARD_CRASHED"),
        ("raise KeyboardInterrupt", "REWARD_FAILED"),
        ("return None", "REWARD_FAILED"),
        ("return Score(float('nan'))", "REWARD_FAILED"),
        ("return Score(10 ** 400)", "REWARD_FAILED"),
        ("return Score(0.5, answer_key='\\ud800')", "REWARD_FAILED"),
        ("return Score(0.5, answer_key='x' * (2 << 20))", "REWARD_FAILED"),
        ("return Score(0.5, components={'a': float('inf')})", "REWARD_FAILED"),
        (DEEP, "REWARD_FAILED"),
        ("x = bytearray(4 << 30); x[::4096] = b'1' * len(x[::4096])", "MEMORY_LIMIT"),
        ("os.write(3, b'junk' * 1000); os._exit(0)", "REWARD_EXITED"),
        (EVERYWHERE, "REWARD_CRASHED"),
        ("os.write(1, b'x' * (1 << 20)); [os.write(2, b'x' * (1 << 20)) for _ in range(200)]", "REWARD_CRASHED"),
        ("raise Unscorable('X' * 1000, 'm' * 100000)", "X" * 100),
        ("open('/etc/shadow')", "REWARD_FAILED"),
        ("socket.create_connection(('127.0.0.1', 22), 1)", "REWARD_FAILED"),
        ("assert not [k for k in os.environ if 'ASSAY' in k]; return Score(1.0)", 1.0),
    ],
)  # fmt: skip
async def test_an_items_trouble_is_its_own(hosts: PluginHosts, body: str, said: object) -> None:
    plugin = await Plugin.of(hosts, body)
    assert await plugin.says("good") == 0.5
    assert await plugin.says("bad") == said
    assert await plugin.says("good") == 0.5


@pytest.mark.parametrize("body", ["while True: pass", "threading.Event().wait()", "sum(range(10 ** 14))"])
async def test_what_does_not_end_is_ended_and_others_go_on_meanwhile(hosts: PluginHosts, body: str) -> None:
    plugin, other = await Plugin.of(hosts, body), await Plugin.of(hosts, "pass", "another")
    hung = asyncio.create_task(plugin.says("bad", 0.5))
    assert await other.says("good") == 0.5
    assert await hung == "over"
    assert await plugin.says("good") == 0.5


async def test_a_tenants_hung_items_leave_slots_to_others(hosts: PluginHosts) -> None:
    plugin, other = await Plugin.of(hosts, "while True: pass"), await Plugin.of(hosts, "pass", "another")
    hung = [asyncio.create_task(plugin.says("bad", 10 * SECONDS)) for _ in range(8)]
    assert [await other.says("good") for _ in range(5)] == [0.5] * 5
    for task in hung:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*hung, return_exceptions=True)


async def test_what_an_item_leaves_behind_hurts_no_later_item(hosts: PluginHosts) -> None:
    forks = "if os.fork() == 0:\n        while True: os.write(3, b'A' * 64); time.sleep(0.001)"
    stray = "os.write(3, b'\\0\\0\\0\\2A{}' * 5) if what == 'late' else threading.Timer(0.05, os._exit, (0,)).start()"
    for body in (forks, stray):
        plugin = await Plugin.of(hosts, body)
        for _ in range(2):
            await plugin.says("bad")
            assert await plugin.says("good") == 0.5
    assert await plugin.says("late") == "REWARD_CRASHED"
    assert await plugin.says("good") == 0.5


async def test_forged_answers_are_taken_for_no_other_item(hosts: PluginHosts) -> None:
    forged = (
        "m = json.dumps({'s': None, 'c': 0.0, 'x': False, 'n': 2, 'o': {'value': 1.0, 'verdict': 1, 'key': '',"
        " 'components': {}, 'constraints': {}, 'spans': [], 'evidence': None}}).encode()\n"
        "    os.write(3, len(m).to_bytes(4, 'big') + b'A' + m)"
    )
    one, other = await Plugin.of(hosts, forged), await Plugin.of(hosts, forged, "another")
    await one.says("bad")
    assert await other.says("good") == 0.5  # of another tenant, in a process of its own


async def test_a_declaration_that_changes_is_not_the_one_that_was_registered(hosts: PluginHosts) -> None:
    source = SOURCE.format(body="os._exit(0)").replace("bounds=(0, 1)", "bounds=(0, time.time())")
    declaration = await hosts.declared(TENANT, PluginSource(source))
    plugin = Plugin(hosts, PluginSource(source), declaration, TENANT)
    assert await plugin.says("good") == 0.5
    assert await plugin.says("bad") == "PLUGIN_CHANGED"  # it was tried once more, in a process that says something else


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import os; os.write(3, b'\\0\\0\\0\\2D[]'); import time; time.sleep(60)",
        "import os; os.write(3, b'\\xff\\xff\\xff\\xffD'); os._exit(0)",
        "import os\nwhile os.fork() >= 0: pass",
        "x = bytearray(8 << 30); x[::4096] = b'1' * len(x[::4096])",
        SOURCE.format(body="pass").replace("bounds", "source='x' * (1 << 20), bounds"),
    ],
)  # fmt: skip
async def test_what_cannot_be_loaded_is_refused_in_time(sandboxes: Sandboxes, source: str) -> None:
    hosts = PluginHosts(sandboxes, 4, HostSettings(load_seconds=2.0))
    try:
        with pytest.raises(BrokenSource):
            await hosts.declared(TENANT, PluginSource(source))
    finally:
        await hosts.close()


async def test_processes_are_kept_warm_and_replaced_after_so_many_items(sandboxes: Sandboxes) -> None:
    hosts = PluginHosts(sandboxes, 4, HostSettings(items=5, load_seconds=SECONDS))
    try:
        plugin = await Plugin.of(hosts, "pass")
        began = hosts.started
        assert [await plugin.says("good") for _ in range(12)] == [0.5] * 12
        assert hosts.started - began == 2
        assert hosts.kept == 1
    finally:
        await hosts.close()
    assert hosts.kept == 0


async def test_idle_processes_end(sandboxes: Sandboxes) -> None:
    hosts = PluginHosts(sandboxes, 4, HostSettings(idle_seconds=0.05, load_seconds=SECONDS))
    plugin = await Plugin.of(hosts, "pass")
    await _until(lambda: hosts.kept == 0)
    assert await plugin.says("good") == 0.5
    await hosts.close()


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
