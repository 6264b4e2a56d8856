"""One live episode inside a worker: the environment, the rules of the service, and the answer on the wire.

Pure: it computes, and neither waits nor reads a clock.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections import Counter
from typing import cast

from assay.v1 import environment_service_pb2 as wire
from assay_server.environments.protocol import (
    Asking,
    Carrying,
    Dumping,
    Environment,
    EnvironmentFault,
    Informing,
    InvalidDump,
    InvalidOptions,
    StepResult,
    TurnTaking,
)
from assay_server.sessions.values import Reason, Rules, SessionFault, SessionSpec, Turn

DIGEST_BYTES = 16
DUMP_EVERY = 32
"""Actions after which an environment that can be put aside is: what is made again starts from there."""

_MAX_TEXT = 4 * 1024 * 1024
_MAX_DUMP = 4 * 1024 * 1024
_HEAD = struct.Struct("<II")


class Progress:
    """The early-stop rules: pure bookkeeping over what steps answered."""

    def __init__(self, rules: Rules, first_digest: str) -> None:
        self._rules = rules
        self._visits = Counter((first_digest,))
        self._best = 0.0
        self._idle = 0
        self._steps = 0

    def stop_after(self, result: StepResult, reward: float, digest: str) -> str:
        """Why the episode is to be cut after this step; empty where it goes on."""
        rules = self._rules
        self._steps += 1
        self._visits[digest] += 1
        if self._visits[digest] == 1 or reward > 0.0 or result.task_score > self._best:
            self._idle = 0
        else:
            self._idle += 1
        self._best = max(self._best, result.task_score)
        if rules.max_state_visits and self._visits[digest] >= rules.max_state_visits:
            return "repeated_state"
        if rules.max_steps_without_progress and self._idle >= rules.max_steps_without_progress:
            return "no_progress"
        if rules.max_steps and self._steps >= rules.max_steps:
            return "max_steps"
        return ""

    def counts(self) -> tuple[dict[str, int], float, int, int]:
        """What was counted so far, for :meth:`recall`."""
        return dict(self._visits), self._best, self._idle, self._steps

    def recall(self, counts: tuple[dict[str, int], float, int, int]) -> None:
        """Count on from there."""
        visits, self._best, self._idle, self._steps = counts
        self._visits = Counter(visits)


class Episode:
    """An environment that was reset, and what the service counts beside it.

    Attributes:
        index: actions taken.
        encoded: the present assay.v1.SessionState, ids left out: they differ between forks.
        digest: of ``encoded``, 16 bytes.
    """

    encoded: bytes
    digest: bytes

    def __init__(self, environment: Environment, spec: SessionSpec) -> None:
        """Start it.

        Raises:
            SessionFault: INVALID_OPTIONS, ENVIRONMENT_FAILED.
        """
        self._environment = environment
        self._agents = environment if isinstance(environment, TurnTaking) else None
        self._asking = environment if isinstance(environment, Asking) else None
        self._informing = environment if isinstance(environment, Informing) else None
        self._carrying = environment if isinstance(environment, Carrying) else None
        self._dumping = environment if isinstance(environment, Dumping) else None
        self._spec = spec
        try:
            started = environment.reset(spec.seed, spec.options)
        except InvalidOptions as error:
            raise SessionFault(Reason.INVALID_OPTIONS, str(error), field=f"options_json.{error.field}") from error
        except EnvironmentFault as error:
            raise SessionFault(Reason.INVALID_OPTIONS, str(error), field="options_json") from error
        digest = _text("state_digest", started.state_digest)
        self.index = 0
        self.ended = False
        self._progress = Progress(spec.rules, digest)
        self._initial_digest = digest
        state = self._view(started.observation, digest)
        state.action_valid = True
        self._hold(state)

    def request_for(self, action: str) -> str:
        """What the outside is to be asked before this action is taken; empty where nothing is."""
        return "" if self._asking is None or self.ended else _text("request", self._asking.request_for(action))

    def step(self, action: str, agent_id: str, heard: str = "") -> None:
        """Take an action, with what the outside answered; what followed is in ``encoded`` and ``digest``.

        Raises:
            SessionFault: EPISODE_OVER, INVALID_ACTION_CONTENT, ENVIRONMENT_FAILED.
        """
        if self.ended:
            raise SessionFault(Reason.EPISODE_OVER, "the episode is over", {"step_index": str(self.index)})
        agent = self._agent()
        if agent_id and agent and agent_id != agent:
            raise SessionFault(
                Reason.INVALID_ACTION_CONTENT, f"it is {agent!r}'s turn, not {agent_id!r}'s", field="agent_id"
            )
        if self._asking is not None and heard:
            self._asking.receive(heard)
        result = self._environment.step(action)
        reward = _finite("reward", result.reward)
        if not result.action_valid:
            reward -= self._spec.rules.invalid_action_penalty
        digest = _text("state_digest", self._environment.state_digest())
        stop = result.stop_reason
        cut = ""
        if not (result.terminated or result.truncated):
            cut = self._progress.stop_after(result, result.reward, digest)
        self.index += 1
        self.ended = bool(result.terminated or result.truncated or cut)
        state = self._view(result.observation, digest)
        state.reward = reward
        state.terminated = result.terminated
        state.truncated = bool(result.truncated or cut)
        state.action_valid = result.action_valid
        state.executed = result.executed
        state.won = result.won
        state.task_score = _finite("task_score", result.task_score)
        state.stop_reason = cut or stop
        if self.ended:
            del state.admissible_actions[:]
        self._hold(state)

    def replay(self, turns: list[Turn]) -> None:
        """Take recorded actions, and hold what follows against what was recorded.

        Raises:
            SessionFault: REPLAY_MISMATCH.
        """
        for turn in turns:
            try:
                self.step(turn.action, turn.agent_id, turn.heard)
            except SessionFault as error:
                raise SessionFault(
                    Reason.REPLAY_MISMATCH, f"action {self.index} cannot be taken again: {error.message}"
                ) from error
            if self.digest != turn.digest:
                raise SessionFault(
                    Reason.REPLAY_MISMATCH,
                    f"action {self.index - 1} was answered otherwise than when it was recorded",
                    {"step_index": str(self.index - 1)},
                )

    def dump(self) -> bytes:
        """Everything that :meth:`resume` needs; empty where none is due, or the environment cannot be put aside."""
        if self._dumping is None or self.index % DUMP_EVERY or not self.index or self.ended:
            return b""
        inner = self._dumping.dump()
        if len(inner) > _MAX_DUMP:
            return b""
        counted = json.dumps(self._progress.counts()).encode()
        return _HEAD.pack(len(self.encoded), len(counted)) + self.encoded + counted + inner

    def resume(self, dumped: bytes) -> None:
        """Continue where :meth:`dump` was called, instead of taking the actions up to there again.

        Raises:
            SessionFault: REPLAY_MISMATCH; the environment does not take it back, or stands elsewhere then.
        """
        shown, counted = _HEAD.unpack_from(dumped)
        middle = _HEAD.size + shown
        state = wire.SessionState.FromString(dumped[_HEAD.size : middle])
        try:
            if self._dumping is None:
                raise InvalidDump("it cannot be put aside any more")
            self._dumping.restore(dumped[middle + counted :])
        except InvalidDump as error:
            raise SessionFault(
                Reason.REPLAY_MISMATCH, f"the environment does not take its dump back: {error}"
            ) from error
        if self._environment.state_digest() != state.state_digest:
            raise SessionFault(Reason.REPLAY_MISMATCH, "the environment stands elsewhere than where it was put aside")
        self._progress.recall(json.loads(dumped[middle : middle + counted]))
        self.index = state.step_index
        self._hold(state)

    def close(self) -> None:
        """Let go of the environment."""
        self._environment.close()

    def _agent(self) -> str:
        return "" if self._agents is None else self._agents.agent_to_act()

    def _view(self, observation: str, digest: str) -> wire.SessionState:
        state = wire.SessionState(
            step_index=self.index,
            state_digest=digest,
            initial_state_digest=self._initial_digest,
            admissible_actions=self._environment.admissible_actions(),
            agent_id=self._agent(),
        )
        shown = _text("observation", observation)
        state.observation.parts.add(text=shown)
        anchor = state.anchor
        anchor.observation.parts.add(text=shown)
        anchor.state_digest = digest
        anchor.state_json = json.dumps(_text("anchor", self._environment.anchor()), ensure_ascii=False)
        if self._carrying is not None:
            anchor.inventory.parts.add(text=_text("inventory", self._carrying.inventory()))
        if self._informing is not None:
            state.info_json = json.dumps(dict(self._informing.info()), allow_nan=False)
        return state

    def _hold(self, state: wire.SessionState) -> None:
        self.encoded = state.SerializeToString(deterministic=True)
        self.digest = hashlib.blake2b(self.encoded, digest_size=DIGEST_BYTES).digest()


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise SessionFault(Reason.ENVIRONMENT_FAILED, f"its {what} is no text but a {type(value).__name__}")
    if len(value) > _MAX_TEXT:
        raise SessionFault(Reason.ENVIRONMENT_FAILED, f"its {what} has {len(value)} characters, {_MAX_TEXT} at most")
    return value


def _finite(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SessionFault(Reason.ENVIRONMENT_FAILED, f"its {what} is no finite number: {value!r:.60}")
    return float(cast("float", value))
