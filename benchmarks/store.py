"""How fast the store takes rollouts over, stores their results, emits their groups and forgets what was acknowledged.

    python benchmarks/store.py [--backend sqlite|memory] [--seconds 4] [--streams 16]

Each stream repeats: accept 256 rollouts of 4 KB, complete them with results of 300 bytes (32 groups of 8 become READY),
emit the 32 groups (2 KB each), acknowledge everything. Measured alone and while another thread of the process computes
in Python all the time, with the interpreter's switch interval at 5 ms (its default) and at 0.5 ms. With ``--read`` the
consumer also reads its outbox before it acknowledges.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from assay_server.store.opening import open_store
from assay_server.store.protocol import AcceptItem, ResultItem, RunKey, Store
from assay_server.store.sqlite import SqliteStore

BATCH = 256
GROUP = 8
MOST_PER_SECOND = 50_000
PAYLOAD = os.urandom(4096)
RESULT = os.urandom(300)
GROUP_RESULT = os.urandom(2048)


@dataclass
class Tally:
    """What the streams of one measurement have done."""

    rollouts: int = 0
    latest: float = 0.0


@dataclass(frozen=True)
class Batch:
    """256 rollouts and their results, made before the clock starts."""

    items: list[AcceptItem]
    results: list[ResultItem]


def batches(consumer: str, count: int) -> list[Batch]:
    """Batches with ids in random order, the worst case for an index."""
    made: list[Batch] = []
    for _ in range(count):
        ids = [uuid.uuid4().hex for _ in range(BATCH)]
        groups = [uuid.uuid4().hex for _ in range(BATCH // GROUP)]
        items = [
            AcceptItem(rollout_id, rollout_id.encode(), groups[n // GROUP], GROUP, PAYLOAD, True, (consumer,))
            for n, rollout_id in enumerate(ids)
        ]
        made.append(Batch(items, [ResultItem(rollout_id, RESULT) for rollout_id in ids]))
    return made


async def stream(
    store: Store, key: RunKey, name: str, work: list[Batch], end: float, tally: Tally, *, read: bool
) -> None:
    """One client's traffic until the end."""
    consumers = (name,)
    while time.perf_counter() < end and work:
        batch = work.pop()
        started = time.perf_counter()
        await store.accept_rollouts(key, batch.items, time.time())
        tally.latest = max(tally.latest, time.perf_counter() - started)
        done = await store.complete_rollouts(key, batch.results)
        assert len(done.ready) == BATCH // GROUP
        _, sequences = await store.emit_groups(key, [(group, GROUP_RESULT, consumers) for group in done.ready])
        if read:
            after = sequences[name] - BATCH - BATCH // GROUP
            entries = await store.outbox_read(key, name, after, max_entries=10**4, max_bytes=1 << 24)
            assert len(entries) == BATCH + BATCH // GROUP
        await store.outbox_ack(key, name, sequences[name])
        tally.rollouts += BATCH


@contextmanager
def busy_thread() -> Generator[None]:
    """Another thread that never lets go of the interpreter unless it is told to."""
    ending = False

    def spin() -> None:
        while not ending:
            sum(range(100))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        ending = True
        thread.join()


async def measure(url: str, label: str, seconds: float, streams: int, *, busy: bool, read: bool) -> None:
    """Print one line."""
    store = open_store(url)
    await store.open()
    record, _ = await store.create_run("local", "run", "digest", b"")
    tally = Tally()
    names = [f"c{n}" for n in range(streams)]
    work = [batches(name, int(seconds * MOST_PER_SECOND / BATCH / streams) + 1) for name in names]
    started, cpu = time.perf_counter(), time.process_time()
    with busy_thread() if busy else nullcontext():
        await asyncio.gather(
            *(
                stream(store, record.key, name, mine, started + seconds, tally, read=read)
                for name, mine in zip(names, work, strict=True)
            )
        )
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    line = f"{label:<32} {tally.rollouts / elapsed:>9,.0f} rollouts/s   slowest accept {tally.latest * 1e3:6.1f} ms"
    line += f"   {cpu / tally.rollouts * 1e6:5.1f} us CPU each"
    if isinstance(store, SqliteStore):
        done = store.statistics()
        line += f"   {done.commits:,} commits of {done.operations:,} operations, {2 * done.log_moves} fsyncs"
    print(line, flush=True)
    await store.close()


def main() -> None:
    """Measure in all four circumstances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("sqlite", "memory"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--read", action="store_true", help="read the outboxes, too")
    parser.add_argument("--folder", type=Path, help="where the file is written; default: the temporary folder")
    arguments = parser.parse_args()
    for interval in (0.005, 0.0005):
        sys.setswitchinterval(interval)
        for busy in (False, True):
            label = f"{interval * 1e3:g} ms, {'beside a busy thread' if busy else 'alone'}"
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                url = "memory:" if arguments.backend == "memory" else f"sqlite:{Path(folder) / 'store.db'}"
                run = measure(url, label, arguments.seconds, arguments.streams, busy=busy, read=arguments.read)
                asyncio.run(run)


if __name__ == "__main__":
    main()
