"""From a rollout to its answer: resolves its task, runs the reward, turns trouble into statuses."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import structlog

from assay.sdk import Json, Ports, Sample
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.execution.lanes import Lanes
from assay_server.log_subject import name_item
from assay_server.pipeline.answer_bytes import scored_payload
from assay_server.pipeline.failures import Code, Failure, failure_of, internal
from assay_server.pipeline.intake import sample_of
from assay_server.pipeline.json_fields import parse_object
from assay_server.pipeline.results import failed_result
from assay_server.rewards.assessment import Assessment
from assay_server.rewards.nodes import LeafNode, Plan
from assay_server.rewards.tree import CompiledReward
from assay_server.store.protocol import Store

_log = structlog.get_logger(__name__)
_CACHED_TASKS = 20_000


class Tasks:
    """Tasks of all tenants by digest: those the store holds, the recent ones kept parsed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[tuple[str, str], rollout_pb2.Task] = OrderedDict()

    async def load(self, tenant: str, digests: Sequence[str]) -> None:
        """Have these tasks at hand, where the store has them."""
        wanted = [digest for digest in dict.fromkeys(digests) if (tenant, digest) not in self._known]
        if not wanted:
            return
        for digest, stored in zip(wanted, await self._store.get_objects(tenant, "task", wanted), strict=True):
            if stored is not None:
                while len(self._known) >= _CACHED_TASKS:
                    self._known.popitem(last=False)
                self._known[tenant, digest] = rollout_pb2.Task.FromString(stored)

    def find(self, tenant: str, digest: str) -> rollout_pb2.Task | None:
        """A loaded task; None where the store has none."""
        return self._known.get((tenant, digest))

    def get(self, tenant: str, digest: str) -> rollout_pb2.Task:
        """A loaded task.

        Raises:
            Failure: NOT_FOUND, UNKNOWN_TASK.
        """
        task = self._known.get((tenant, digest))
        if task is None:
            message = f"task {digest[:80]!r} is not known; send it with PutTasks first"
            raise Failure(Code.NOT_FOUND, "UNKNOWN_TASK", message, retryable=True)
        return task


def task_fields(
    rollout: rollout_pb2.Rollout, task: rollout_pb2.Task | None
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """The reference and the extra columns a rollout is judged with.

    Raises:
        Failure: INVALID_ARGUMENT, not JSON objects.
    """
    if task is None:
        return (
            parse_object(rollout.reference_json, "reference_json"),
            parse_object(rollout.extra_json, "extra_json"),
        )
    extra = rollout.extra_json or task.extra_json
    return parse_object(task.reference_json, "reference_json"), parse_object(extra, "extra_json")


class Judged(NamedTuple):
    """An answer as it is stored and sent (a SampleResult); ``assessment`` None = the rollout could not be scored."""

    payload: bytes
    assessment: Assessment | None

    def message(self) -> rollout_pb2.SampleResult:
        """The answer to look into."""
        return rollout_pb2.SampleResult.FromString(self.payload)


def unscored(rollout_id: str, group_id: str, failure: Failure) -> Judged:
    """The answer to a rollout that could not be scored."""
    return Judged(failed_result(rollout_id, group_id, failure).SerializeToString(), None)


Later: TypeAlias = Coroutine[None, None, Judged]
"""An answer that another lane still works on."""

Scoring: TypeAlias = Judged | Later
"""An answer, or the work that is left until there is one."""


def score_rollout(
    rollout: rollout_pb2.Rollout,
    task: rollout_pb2.Task | None,
    reward: CompiledReward,
    truncated_policy: int,
    received: float,
    lanes: Lanes,
    ports: Ports | None = None,
    sample: Sample | None = None,
) -> Scoring:
    """The answer to a checked, complete rollout; never raises for what is wrong with it or with its reward.

    What can be answered on the loop is answered at once; what needs another lane comes as a coroutine.

    Args:
        ports: see :meth:`Lanes.assess`.
        sample: of a plain rollout (see :func:`plain_sample`): it is to be scored, and needs not be read again.
    """
    if sample is None and (refusal := _not_to_be_scored(rollout, truncated_policy)) is not None:
        return unscored(rollout.rollout_id, rollout.group_id, refusal)
    started = time.monotonic()
    try:
        if sample is None:
            sample = sample_of(rollout, *task_fields(rollout, task))
        assessment = reward.at_once(sample)
        if assessment is None:
            plan = Plan()
            leaves = reward.pending(sample, plan)
            if leaves:
                return _scored_in_lanes(rollout, reward, sample, plan, leaves, received, lanes, ports)
            assessment = reward.evaluate(sample, plan.known)
        waited = max(0.0, started - received)
        ran = time.monotonic() - started
        return Judged(scored_payload(sample.rollout_id, sample.group_id, assessment, waited, ran), assessment)
    except Exception as error:  # noqa: BLE001 - whatever breaks is the answer to this rollout alone
        return _not_scored(rollout, error)


async def _scored_in_lanes(
    rollout: rollout_pb2.Rollout,
    reward: CompiledReward,
    sample: Sample,
    plan: Plan,
    leaves: list[LeafNode],
    received: float,
    lanes: Lanes,
    ports: Ports | None,
) -> Judged:
    started = time.monotonic()
    name_item(rollout.rollout_id, rollout.group_id)
    try:
        assessment, waited = await lanes.assess(reward, sample, plan, leaves, ports)
        ran = max(0.0, time.monotonic() - started - waited)
        queued = max(0.0, started - received) + waited
        return Judged(scored_payload(sample.rollout_id, sample.group_id, assessment, queued, ran), assessment)
    except Exception as error:  # noqa: BLE001 - as above
        return _not_scored(rollout, error)


def _not_scored(rollout: rollout_pb2.Rollout, error: Exception) -> Judged:
    failure = failure_of(error)
    if failure is None or failure.reason == "REWARD_FAILED":
        _log.warning(
            "not scored", rollout=rollout.rollout_id, group=rollout.group_id, exc_info=error.__cause__ or error
        )
    return unscored(rollout.rollout_id, rollout.group_id, failure or internal())


def _not_to_be_scored(rollout: rollout_pb2.Rollout, truncated_policy: int) -> Failure | None:
    if rollout.state == rollout_pb2.ROLLOUT_STATE_FAILED:
        return Failure(Code.ABORTED, "ROLLOUT_FAILED", "the trainer reported this rollout as failed")
    truncated = rollout.state == rollout_pb2.ROLLOUT_STATE_TRUNCATED
    if truncated and truncated_policy == run_service_pb2.TRUNCATED_POLICY_SKIP:
        return Failure(Code.ABORTED, "TRUNCATED", "the rollout was cut by a limit and the run skips such rollouts")
    return None
