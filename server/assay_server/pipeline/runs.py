"""All runs of the process: creates, finds, checkpoints and restores them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from assay.v1 import reward_service_pb2, run_service_pb2
from assay_server.audit import note_run
from assay_server.execution.catalogues import Catalogues
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.lanes import Lanes
from assay_server.metrics import Metrics
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.delivery import stale_stream
from assay_server.pipeline.failures import Code, Failure, invalid_field
from assay_server.pipeline.history import RunHistory
from assay_server.pipeline.intake import MAX_ID_CHARACTERS
from assay_server.pipeline.live_run import LiveRun
from assay_server.pipeline.policies import RunPolicies, compile_policies
from assay_server.pipeline.record_quota import RecordQuota
from assay_server.pipeline.scoring import Tasks
from assay_server.pipeline.specs import CompiledSpec, compile_spec
from assay_server.sampling.run_state import RunState
from assay_server.store.ending import end
from assay_server.store.protocol import CheckpointRecord, RunRecord, Store, StoreError, UnknownRun

if TYPE_CHECKING:
    from assay_server.execution.registered.registry import Registry
    from assay_server.tracing.groups import RunTraces
    from assay_server.tracing.recording import Tracing

_log = structlog.get_logger(__name__)
_LIVE_RUNS = 64


class Runs:
    """The runs that this process serves."""

    def __init__(
        self,
        store: Store,
        catalogues: Catalogues,
        metrics: Metrics,
        lanes: Lanes,
        *,
        watch_seconds: float = 3.0,
        tracing: Tracing | None = None,
        registered: Registry | None = None,
    ) -> None:
        """``registered``: plugins that tenants have beside the catalogues."""
        self.store = store
        self.lanes = lanes
        self.catalogues = catalogues
        self.tasks = Tasks(store)
        self._metrics = metrics
        self._tracing = tracing
        self._registered = registered
        self._live: dict[tuple[str, str], LiveRun] = {}
        self._histories: dict[tuple[str, str], RunHistory] = {}
        self._lock = asyncio.Lock()
        self._draining = False
        self._watch_seconds = watch_seconds
        self._watch: asyncio.Task[None] | None = None

    async def recover(self) -> None:
        """Take up the runs that an earlier process left unfinished; one that cannot be refuses, and no other."""
        for record in await self.store.list_runs():
            recovery = await self.store.recover(record.key)
            if recovery.unanswered or recovery.ready or recovery.open or recovery.barriers:
                try:
                    await self.live(record.tenant, record.run_id, 0)
                except Failure as failure:
                    _log.error("a run is not taken up", run=record.run_id, reason=failure.reason, problem=str(failure))

        if self.store.shared:
            self._watch = asyncio.create_task(self._watch_others(), name="watch of other processes")

    async def _watch_others(self) -> None:
        """Do what processes that are gone have left."""
        while True:
            await asyncio.sleep(self._watch_seconds)
            try:
                for record in await self.store.deserted():
                    await self.live(record.tenant, record.run_id, 0)
            except StoreError as error:
                _log.warning("it is not known who is gone", error=str(error))
            except Failure as failure:
                _log.error("a run is not taken over", reason=failure.reason, problem=str(failure))

    async def close(self) -> None:
        """Stop all runs."""
        if self._watch is not None:
            await end([self._watch])
        for run in self._live.values():
            await run.stop()

    async def drain(self) -> None:
        """Take nothing more in, finish what came in, then end the streams with a resume point (also when cancelled)."""
        self._draining = True
        runs = list(self._live.values())
        for run in runs:
            run.take_no_more()
        try:
            for run in runs:
                await run.settle()
        finally:
            for run in runs:
                run.consumers.close_streams(reward_service_pb2.CLOSING_REASON_DRAINING)

    # ------------------------------------------------------------ calls

    async def catalogues_of(self, tenant: str) -> Catalogues:
        """What the tenant can name. Raises StoreUnavailable where that is not known."""
        return self.catalogues if self._registered is None else await self._registered.known_catalogues(tenant)

    async def _latest_catalogues(self, tenant: str) -> Catalogues:
        return self.catalogues if self._registered is None else await self._registered.catalogues(tenant)

    async def create(
        self, tenant: str, run_id: str, spec: run_service_pb2.RunSpec
    ) -> tuple[run_service_pb2.Run, CompiledSpec, bool]:
        """The run of this id, made where there is none.

        Raises:
            Failure: the spec is not usable. RunConflict: the id is taken by another spec.
        """
        if len(run_id) > MAX_ID_CHARACTERS or not run_id.isprintable():
            raise invalid_field("run_id", f"expected at most {MAX_ID_CHARACTERS} printable characters")
        note_run(run_id)
        compiled = compile_spec(spec, await self._latest_catalogues(tenant))
        run_id = run_id or f"run-{compiled.digest[:16]}"
        stored = run_service_pb2.Run(run_id=run_id, spec_digest=compiled.digest, pins=compiled.pins, spec=spec)
        record, created = await self.store.create_run(
            tenant, run_id, compiled.digest, stored.SerializeToString(deterministic=True)
        )
        return describe(record), compiled, created

    async def live(self, tenant: str, run_id: str, generation: int) -> LiveRun:
        """The run at work, in its present generation.

        Raises:
            Failure: ``generation`` (unless 0) is not the present one, a pinned reward is gone, or the server is about
                to stop. UnknownRun.
        """
        note_run(run_id)
        if self._draining:
            raise Failure(Code.UNAVAILABLE, "DRAINING", "the server is about to stop; connect again", retry_after=1.0)
        async with self._lock:
            run = self._live.get((tenant, run_id))
            if run is not None and run.failed:
                await run.stop()
                run = None
            if run is None:
                record = await self.store.get_run(tenant, run_id)
                if record is None:
                    raise UnknownRun(run_id)
                run = await self._start(record)
            if generation and generation != run.record.generation:
                raise stale_stream()
            return run

    async def record(self, tenant: str, run_id: str) -> RunRecord:
        """The run as stored. Raises UnknownRun."""
        note_run(run_id)
        record = await self.store.get_run(tenant, run_id)
        if record is None:
            raise UnknownRun(run_id)
        return record

    async def history(self, tenant: str, run_id: str) -> tuple[RunHistory, RunPolicies]:
        """What the run remembers in its present generation, and by which policies. UnknownRun."""
        record = await self.record(tenant, run_id)
        policies = compile_policies(run_service_pb2.Run.FromString(record.spec).spec)
        known = self._histories.pop((tenant, run_id), None)
        if known is None or known.key != record.key:
            known = RunHistory(self.store, record.key, policies.state)
        self._histories[tenant, run_id] = known
        while len(self._histories) > _LIVE_RUNS:
            del self._histories[next(iter(self._histories))]
        return known, policies

    async def checkpoint(
        self, tenant: str, run_id: str, generation: int, name: str, acked: Mapping[str, int]
    ) -> CheckpointRecord:
        """Name the present state, after what consumers say they have processed is acknowledged."""
        record = await self.record(tenant, run_id)
        key = record.key._replace(generation=generation or record.generation)
        run = self._live.get((tenant, run_id))
        for consumer, sequence in acked.items():
            if run is not None and run.record.key == key:
                await run.consumers.acknowledge(consumer, sequence)
            else:
                await self.store.outbox_ack(key, consumer, sequence)
        history, _ = await self.history(tenant, run_id)
        state = b"" if history.key != key else await history.ask(_summary)
        return await self.store.checkpoint_run(key, name or f"checkpoint-{uuid.uuid4().hex[:16]}", state)

    async def restore(
        self, tenant: str, run_id: str, name: str, expected_generation: int
    ) -> tuple[run_service_pb2.Run, int]:
        """Go back to a checkpoint; the run in its new generation, and how many rollouts were forgotten."""
        note_run(run_id)
        async with self._lock:
            record, _, forgotten = await self.store.restore_run(tenant, run_id, name, expected_generation)
            older = self._live.get((tenant, run_id))
            if older is None or older.record.generation != record.generation:
                if older is not None:
                    older.consumers.close_streams(reward_service_pb2.CLOSING_REASON_FENCED)
                    await older.stop()
                await self._start(record)
        return describe(record), forgotten

    async def _make_room(self) -> None:
        """Stop runs that nobody uses, so that a long-lived server does not collect them."""
        if len(self._live) < _LIVE_RUNS:
            return
        for key in [key for key, run in self._live.items() if run.idle]:
            await self._live.pop(key).stop()

    async def _start(self, record: RunRecord) -> LiveRun:
        stored = run_service_pb2.Run.FromString(record.spec)
        compiled = compile_spec(stored.spec, await self._latest_catalogues(record.tenant))
        gone = sorted(set(stored.pins) - set(compiled.pins))
        if gone:
            message = f"the run was created with {', '.join(gone)}, which this server does not have"
            raise Failure(Code.FAILED_PRECONDITION, "PIN_GONE", message)
        await self._make_room()
        account = await self._account(record, compiled)
        ports = self.lanes.ports_of(record.tenant, account)
        records = await self._records(record, compiled)
        context = RunContext(
            record.key,
            compiled,
            self.store,
            self.tasks,
            self._metrics,
            self.lanes,
            account,
            ports,
            records,
            traces=self._traces(record),
        )
        run = LiveRun(record, context)
        await run.start()
        self._live[record.tenant, record.run_id] = run
        return run

    def _traces(self, record: RunRecord) -> RunTraces | None:
        """The run's spans, where something is traced."""
        if self._tracing is None:
            return None
        from assay_server.tracing.groups import RunTraces

        return RunTraces(self._tracing, record.tenant, record.run_id, record.generation)

    async def _records(self, record: RunRecord, spec: CompiledSpec) -> RecordQuota | None:
        """What the run holds in the store, where it limits that."""
        if not spec.message.record_quota_bytes:
            return None
        quota = RecordQuota(spec.message.record_quota_bytes)
        await quota.load(self.store, record.key)
        return quota

    async def _account(self, record: RunRecord, spec: CompiledSpec) -> JudgeAccount | None:
        """What the run's judges cost, where it limits that."""
        if spec.judge_limits is None:
            return None
        tenant, run_id = record.tenant, record.run_id

        async def keep(amounts: Mapping[str, float]) -> Mapping[str, float]:
            return await self.store.add_to_counters(tenant, run_id, amounts)

        account = JudgeAccount(f"{tenant}/{run_id}", spec.judge_limits, keep)
        await account.load()
        return account


def _summary(state: RunState) -> bytes:
    """What a checkpoint keeps of a run's state: which one it is. The groups that it is made of are in the store."""
    return json.dumps({"batches": state.batches, "groups": state.groups, "digest": state.digest}).encode()


def describe(record: RunRecord) -> run_service_pb2.Run:
    """A stored run on the wire."""
    run = run_service_pb2.Run.FromString(record.spec)
    run.generation = record.generation
    return run
