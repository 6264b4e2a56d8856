"""Random operations on a store and on memory side by side: every answer is the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from assay_server.store.memory import MemoryStore
from assay_server.store.protocol import AcceptItem, ResultItem, RunKey, Store, StoredRollout, StoreError
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis
from assay_server.store.sqlite import SqliteStore

T = TypeVar("T")

TENANT, RUN = "local", "run"
GROUPS = st.sampled_from(["g1", "g2", "g3", "g,4"])
ROLLOUTS = st.sampled_from([f"r{n}" for n in range(12)])
CONSUMERS = st.sampled_from(["a", "b", "c"])
AUDIENCES = st.lists(CONSUMERS, max_size=3, unique=True).map(tuple)
CONTENT = st.binary(max_size=4)
NOW = st.floats(1e9, 2e9)


@st.composite
def items(draw: st.DrawFn) -> AcceptItem:
    final = draw(st.booleans())
    steps = () if final else tuple(draw(st.lists(CONTENT, max_size=2)))
    digest = draw(st.sampled_from([b"one", b"one", b"one", b"two"]))
    size = draw(st.sampled_from([0, 2, 2, 2, 3]))
    return AcceptItem(draw(ROLLOUTS), digest, draw(GROUPS), size, draw(CONTENT), final, draw(AUDIENCES), steps)


class BothStores(RuleBasedStateMachine):
    """Each rule runs one operation on both stores and compares what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.loop = asyncio.new_event_loop()
        self.model: Store = MemoryStore()
        self.store: Store = self.new_store()
        self.loop.run_until_complete(self.store.open())
        self.generation = 1
        self.both(lambda store: store.create_run(TENANT, RUN, "digest", b"spec"))

    def new_store(self) -> Store:
        """The store to compare, on the same data each time."""
        return SqliteStore(self.path)

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    @property
    def key(self) -> RunKey:
        return RunKey(TENANT, RUN, self.generation)

    def both(self, operation: Callable[[Store], Awaitable[T]]) -> T | str:
        expected, found = (
            self.loop.run_until_complete(_outcome(operation, store)) for store in (self.model, self.store)
        )
        assert found == expected
        return expected

    @rule(batch=st.lists(items(), max_size=6), now=NOW)
    def accept(self, batch: list[AcceptItem], now: float) -> None:
        self.both(lambda store: _listed(store.accept_rollouts(self.key, batch, now)))

    @rule(group=GROUPS, size=st.integers(1, 3), now=NOW, audience=AUDIENCES)
    def accept_and_answer_whole_group(self, group: str, size: int, now: float, audience: tuple[str, ...]) -> None:
        names = [f"{group}-{n}" for n in range(size)]
        batch = [AcceptItem(name, b"d", group, size, b"p", True, audience) for name in names]
        self.both(lambda store: _listed(store.accept_rollouts(self.key, batch, now)))
        self.both(lambda store: store.complete_rollouts(self.key, [ResultItem(name, b"r") for name in names]))

    @rule(
        rollout=ROLLOUTS,
        index=st.integers(-1, 4),
        steps=st.lists(CONTENT, max_size=3),
        final=st.booleans(),
        tail=CONTENT,
    )
    def append(self, rollout: str, index: int, steps: list[bytes], final: bool, tail: bytes) -> None:
        self.both(lambda store: store.append_steps(self.key, rollout, index, steps, final=final, tail=tail))

    @rule(rollout=ROLLOUTS, steps=st.lists(CONTENT, max_size=2), final=st.booleans())
    def continue_rollout(self, rollout: str, steps: list[bytes], final: bool) -> None:
        held = self.both(lambda store: _listed(store.read_rollouts(self.key, [rollout])))
        assert not isinstance(held, str)
        length = len(held[0].steps) if held[0] else 0
        self.both(lambda store: store.append_steps(self.key, rollout, length, steps, final=final, tail=b"t"))

    @rule(results=st.lists(st.builds(ResultItem, ROLLOUTS, CONTENT), max_size=8))
    def complete(self, results: list[ResultItem]) -> None:
        self.both(lambda store: store.complete_rollouts(self.key, results))

    @rule(group=GROUPS, expected=st.none() | st.lists(ROLLOUTS, max_size=3), now=NOW)
    def close(self, group: str, expected: list[str] | None, now: float) -> None:
        self.both(lambda store: store.close_group(self.key, group, expected, now))

    @rule(group=GROUPS)
    def cut(self, group: str) -> None:
        self.both(lambda store: store.cut_group(self.key, group))

    @rule(group=GROUPS, now=NOW)
    def abort(self, group: str, now: float) -> None:
        self.both(lambda store: store.abort_group(self.key, group, now))

    @rule(results=st.lists(st.tuples(GROUPS, CONTENT, AUDIENCES), max_size=4))
    def emit(self, results: list[tuple[str, bytes, tuple[str, ...]]]) -> None:
        self.both(lambda store: store.emit_groups(self.key, results))

    @rule(barrier=st.sampled_from(["b1", "b2"]), payload=CONTENT, consumer=CONSUMERS)
    def arrive(self, barrier: str, payload: bytes, consumer: str) -> None:
        self.both(lambda store: store.arrive_at_barrier(self.key, barrier, payload, consumer))

    @rule(
        barrier=st.sampled_from(["b1", "b2"]),
        groups=st.lists(GROUPS, max_size=3),
        payloads=st.lists(CONTENT, max_size=2),
        consumers=AUDIENCES,
    )
    def finish(self, barrier: str, groups: list[str], payloads: list[bytes], consumers: tuple[str, ...]) -> None:
        self.both(lambda store: store.finish_barrier(self.key, barrier, groups, payloads, consumers))

    @rule(consumer=CONSUMERS, sequence=st.integers(-1, 12) | st.just(10**6))
    def acknowledge(self, consumer: str, sequence: int) -> None:
        self.both(lambda store: store.outbox_ack(self.key, consumer, sequence))

    @rule(consumer=CONSUMERS)
    def register(self, consumer: str) -> None:
        self.both(lambda store: store.outbox_state(self.key, consumer))

    @rule(
        consumer=CONSUMERS,
        after=st.integers(-1, 12),
        entries=st.integers(0, 6),
        size=st.integers(0, 12),
    )
    def read(self, consumer: str, after: int, entries: int, size: int) -> None:
        self.both(
            lambda store: _listed(store.outbox_read(self.key, consumer, after, max_entries=entries, max_bytes=size))
        )

    @rule(name=st.sampled_from(["p1", "p2", "p3"]), state=CONTENT)
    def checkpoint(self, name: str, state: bytes) -> None:
        self.both(lambda store: store.checkpoint_run(self.key, name, state))

    @rule(name=st.sampled_from(["", "p1", "p2", "p3", "p1", "p2", "p3"]), behind=st.sampled_from([0, 0, 0, 1, 2, None]))
    def restore(self, name: str, behind: int | None) -> None:
        expected = 0 if behind is None else self.generation - behind
        restored = self.both(lambda store: store.restore_run(TENANT, RUN, name, expected))
        if not isinstance(restored, str):
            self.generation = restored[0].generation

    @rule()
    def reopen(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.store = self.new_store()
        self.loop.run_until_complete(self.store.open())

    @rule(behind=st.integers(-1, 2))
    def use_other_generation(self, behind: int) -> None:
        key = self.key._replace(generation=self.generation - behind)
        self.both(lambda store: store.outbox_ack(key, "a", 0))

    @invariant()
    def say_the_same(self) -> None:
        self.both(lambda store: store.recover(self.key))
        self.both(lambda store: _scanned(store, self.key))
        self.both(lambda store: _listed(store.list_consumers(self.key)))
        self.both(lambda store: _listed(store.list_runs()))
        for group in ("g1", "g2", "g3", "g,4"):
            self.both(lambda store, group=group: store.get_group(self.key, group))
            self.both(lambda store, group=group: _listed(store.read_group(self.key, group)))
        for consumer in ("a", "b", "c"):
            read = self.both(
                lambda store, consumer=consumer: _listed(
                    store.outbox_read(self.key, consumer, 0, max_entries=100, max_bytes=10**6)
                )
            )
            assert not isinstance(read, str)
            sequences = [entry.sequence for entry in read]
            assert not sequences or sequences == list(range(sequences[0], sequences[0] + len(sequences)))


class BothStoresOnRedis(BothStores):
    """The same with a store that others could share."""

    redis: PrivateRedis

    def __init__(self) -> None:
        self.redis.empty()
        super().__init__()

    def new_store(self) -> Store:
        return RedisStore(self.redis.url, self.path.with_name("records"))

    @rule()
    def write_down(self) -> None:
        assert isinstance(self.store, RedisStore)
        self.loop.run_until_complete(self.store.write_down(self.key))


async def _outcome(operation: Callable[[Store], Awaitable[T]], store: Store) -> T | str:
    try:
        return await operation(store)
    except StoreError as error:
        return f"{type(error).__name__}: {error}"


async def _listed(operation: Awaitable[Iterable[T]]) -> list[T]:
    return list(await operation)


async def _scanned(store: Store, key: RunKey) -> list[StoredRollout]:
    return [stored async for stored in store.scan_rollouts(key)]


SETTINGS = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBothStores = BothStores.TestCase
TestBothStores.settings = SETTINGS


def test_redis_says_the_same(redis: PrivateRedis) -> None:
    BothStoresOnRedis.redis = redis
    run_state_machine_as_test(BothStoresOnRedis, settings=SETTINGS)
