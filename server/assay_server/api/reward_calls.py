"""RewardService's unary and server-streaming calls."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial

from assay.sdk import Lane, PluginDefinition, PluginKind, Ports, RewardDefinition
from assay.sdk.parameters import object_schema
from assay.v1 import advantage_service_pb2 as advantage_wire
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.api.rates import TenantRates
from assay_server.pipeline.assembly import assemble
from assay_server.pipeline.failures import Failure, invalid_field
from assay_server.pipeline.intake import check_rollout
from assay_server.pipeline.runs import Runs
from assay_server.pipeline.scoring import Judged, Scoring, score_rollout, unscored
from assay_server.pipeline.specs import compile_reward_message, require_samples_alone
from assay_server.pipeline.traced_answering import traced_scoring
from assay_server.rewards.tree import CompiledReward
from assay_server.store.protocol import StoredRollout
from assay_server.tracing.present import present

MAX_ROLLOUTS = 1024
_SLICE = 32
_LANES = {
    Lane.INLINE: wire.LANE_INLINE,
    Lane.CPU: wire.LANE_CPU,
    Lane.IO: wire.LANE_IO,
    Lane.SANDBOX: wire.LANE_SANDBOX,
}

_SCOPES = {
    PluginKind.GROUP_REWARD: advantage_wire.SCOPE_GROUP,
    PluginKind.BATCH_REWARD: advantage_wire.SCOPE_BATCH,
}


class RewardCalls:
    """Score, Rescore, ListRewards."""

    def __init__(self, runs: Runs, rates: TenantRates) -> None:
        self._runs = runs
        self._rates = rates

    async def score(self, principal: Principal, data: bytes) -> wire.ScoreResponse:
        """Score a batch and wait; nothing is stored."""
        received = time.monotonic()
        request = parse(wire.ScoreRequest, data)
        if len(request.rollouts) > MAX_ROLLOUTS:
            raise invalid_field("rollouts", f"{len(request.rollouts)} in a request; at most {MAX_ROLLOUTS}")
        self._rates.rollouts(principal.tenant, len(request.rollouts))
        reward, truncated = await self._reward(principal, request)
        ports = self._runs.lanes.ports_of(principal.tenant)
        scorings: list[Scoring] = []
        call = present()
        digests = [rollout.task_digest for rollout in request.rollouts if rollout.task_digest]
        await self._runs.tasks.load(principal.tenant, digests)
        for position, rollout in enumerate(request.rollouts):
            score = partial(self._score_one, principal.tenant, rollout, reward, truncated, received, ports)
            scorings.append(score() if call is None else traced_scoring(call, rollout, score))
            if position % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        return wire.ScoreResponse(results=await _gathered(scorings))

    async def _reward(self, principal: Principal, request: wire.ScoreRequest) -> tuple[CompiledReward, int]:
        if request.WhichOneof("spec") == "run_id":
            run = await self._runs.live(principal.tenant, request.run_id, 0)
            require_samples_alone(run.spec.reward, "run_id")
            return run.spec.reward, run.spec.message.groups.truncated
        reward = compile_reward_message(
            request.reward, (await self._runs.catalogues_of(principal.tenant)).rewards, "reward"
        )
        return reward, run_service_pb2.TRUNCATED_POLICY_SCORE

    def _score_one(
        self,
        tenant: str,
        rollout: rollout_pb2.Rollout,
        reward: CompiledReward,
        truncated: int,
        received: float,
        ports: Ports,
    ) -> Scoring:
        try:
            check_rollout(rollout)
            if rollout.state == rollout_pb2.ROLLOUT_STATE_IN_PROGRESS:
                raise invalid_field("state", "a rollout in progress cannot be scored")
            task = self._runs.tasks.get(tenant, rollout.task_digest) if rollout.task_digest else None
        except Failure as failure:
            return unscored(rollout.rollout_id, rollout.group_id, failure)
        return score_rollout(rollout, task, reward, truncated, received, self._runs.lanes, ports)

    async def rescore(self, principal: Principal, data: bytes) -> AsyncIterator[wire.RescoreResponse]:
        """Score what is held again, with another reward."""
        request = parse(wire.RescoreRequest, data)
        record = await self._runs.record(principal.tenant, request.run_id)
        reward = compile_reward_message(
            request.reward, (await self._runs.catalogues_of(principal.tenant)).rewards, "reward"
        )
        page: list[StoredRollout] = []
        if request.rollout_ids:
            found = list(await self._runs.store.read_rollouts(record.key, list(request.rollout_ids)))
            page = [stored for stored in found if stored is not None]
            if len(page) < len(found):
                missing = request.rollout_ids[found.index(None)]
                raise invalid_field("rollout_ids", f"rollout {missing!r} is not held")
            for start in range(0, len(page), _SLICE):
                yield await self._rescored(principal.tenant, page[start : start + _SLICE], reward)
            return
        async for stored in self._runs.store.scan_rollouts(record.key):
            page.append(stored)
            if len(page) == _SLICE:
                yield await self._rescored(principal.tenant, page, reward)
                page = []
        if page:
            yield await self._rescored(principal.tenant, page, reward)

    async def _rescored(
        self, tenant: str, page: Sequence[StoredRollout], reward: CompiledReward
    ) -> wire.RescoreResponse:
        await self._rates.rollouts_in_time(tenant, len(page))
        response = wire.RescoreResponse()
        rollouts = [assemble(stored) for stored in page]
        await self._runs.tasks.load(tenant, [rollout.task_digest for rollout in rollouts if rollout.task_digest])
        now = time.monotonic()
        policy = run_service_pb2.TRUNCATED_POLICY_SCORE
        ports = self._runs.lanes.ports_of(tenant)
        answered = [(stored, rollout) for stored, rollout in zip(page, rollouts, strict=True) if stored.result]
        scorings = [self._score_one(tenant, rollout, reward, policy, now, ports) for _, rollout in answered]
        for (stored, _), after in zip(answered, await _gathered(scorings), strict=True):
            before = rollout_pb2.SampleResult.FromString(stored.result or b"")
            response.results.add(before=before, after=after)
        await asyncio.sleep(0)
        return response

    async def list_rewards(self, principal: Principal, data: bytes) -> wire.ListRewardsResponse:
        """What can be named in a reward spec."""
        prefix = parse(wire.ListRewardsRequest, data).prefix
        rewards = (await self._runs.catalogues_of(principal.tenant)).rewards
        listed = [one for one in (*rewards.definitions(), *rewards.scoped()) if one.id.startswith(prefix)]
        return wire.ListRewardsResponse(rewards=[_info(definition) for definition in listed])


async def _gathered(scorings: Sequence[Scoring]) -> list[rollout_pb2.SampleResult]:
    """All answers in order; those that other lanes work on are waited for together."""
    later = [scoring for scoring in scorings if not isinstance(scoring, Judged)]
    done = iter(await asyncio.gather(*later))
    return [(scoring if isinstance(scoring, Judged) else next(done)).message() for scoring in scorings]


def _info(definition: RewardDefinition | PluginDefinition) -> wire.RewardInfo:
    alone = isinstance(definition, RewardDefinition)
    return wire.RewardInfo(
        id=definition.id,
        digest=definition.digest,
        summary=definition.doc.split("\n", 1)[0],
        doc=definition.doc,
        params_schema_json=json.dumps(object_schema(definition.parameters), sort_keys=True),
        min=definition.minimum,
        max=definition.maximum,
        binary=alone and definition.binary,
        lane=_LANES[definition.lane],
        required_signals=definition.required_signals,
        reference_keys=definition.reference_keys if alone else (),
        source=definition.source,
        deterministic=definition.deterministic,
        scope=advantage_wire.SCOPE_SAMPLE if alone else _SCOPES[definition.kind],
    )
