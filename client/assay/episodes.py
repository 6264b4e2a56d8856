"""Many episodes side by side, as values: what was seen, what is to be sent, what comes back. No I/O.

Shared by the sync and the asyncio vector environments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from assay._statuses import failure_of
from assay._text import json_object_text, parse_json, parse_object, repaired_text
from assay.errors import Failure, invalid
from assay.rollouts import Anchor, Rollout, RolloutState, Step
from assay.sdk.samples import Json
from assay.v1 import environment_service_pb2 as wire
from assay.v1 import rollout_pb2

_NO_OPTIONS: Mapping[str, Json] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """What the service adds to an environment's own rules; 0 = nothing.

    Attributes:
        max_steps: actions after which an episode is cut.
        max_steps_without_progress: cut after so many actions in a row that led nowhere new.
        max_state_visits: cut when one state was reached so many times.
        invalid_action_penalty: subtracted from the reward of a step whose action was not valid.
        step_timeout: seconds for one action; 0 = the service's own limit.
        idle_timeout: seconds without an action after which an episode is closed; 0 = the service's own.
    """

    max_steps: int = 0
    max_steps_without_progress: int = 0
    max_state_visits: int = 0
    invalid_action_penalty: float = 0.0
    step_timeout: float = 0.0
    idle_timeout: float = 0.0


_NO_POLICY = SessionPolicy()


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """An environment as the service lists it.

    Attributes:
        id: ``namespace/name-vN``.
        digest: of its code.
        options_schema: JSON Schema of what ``make_vec`` takes as ``options``.
        replayable: whether its episodes can be forked and restored.
    """

    id: str
    digest: str
    summary: str
    doc: str
    options_schema: Mapping[str, Json]
    replayable: bool

    @classmethod
    def of(cls, info: wire.EnvironmentInfo) -> EnvironmentInfo:
        """From its message."""
        return cls(
            id=info.id,
            digest=info.digest,
            summary=info.summary,
            doc=info.doc,
            options_schema=parse_object(info.options_schema_json),
            replayable=info.replay in (wire.REPLAY_CLASS_PURE, wire.REPLAY_CLASS_RECORDED),
        )


@dataclass(frozen=True, slots=True)
class EpisodesPlan:
    """What :meth:`assay.Client.make_vec` was asked for."""

    env_id: str
    num_groups: int
    group_size: int
    seed: int
    options: Mapping[str, Json] = field(default_factory=lambda: _NO_OPTIONS)
    policy: SessionPolicy = _NO_POLICY
    run_id: str = ""

    def request(self, request_id: str, seed: int) -> wire.CreateSessionsRequest:
        """The request that makes the episodes.

        Raises:
            InvalidArgument: a number that makes no sense.
        """
        if self.num_groups < 1:
            raise invalid("num_groups", f"expected 1 or more, got {self.num_groups}")
        if self.group_size < 1:
            raise invalid("group_size", f"expected 1 or more, got {self.group_size}")
        request = wire.CreateSessionsRequest(
            environment_id=self.env_id,
            num_groups=self.num_groups,
            group_size=self.group_size,
            seed=seed,
            options_json=json_object_text(self.options) if self.options else "",
            run_id=self.run_id,
            request_id=request_id,
            policy=wire.SessionPolicy(
                max_steps=self.policy.max_steps,
                max_steps_without_progress=self.policy.max_steps_without_progress,
                max_state_visits=self.policy.max_state_visits,
                invalid_action_penalty=self.policy.invalid_action_penalty,
            ),
        )
        for name in ("step_timeout", "idle_timeout"):
            seconds: float = getattr(self.policy, name)
            if seconds:
                getattr(request.policy, name).FromNanoseconds(round(seconds * 1e9))
        return request


class VectorInfo(TypedDict):
    """What is known of each episode beside its observation; lists and arrays have one element an episode.

    ``anchor`` and ``admissible_actions`` are of the present state, the one that the next action answers; ``error`` is
    why an episode cannot go on, where the service failed on it. ``further`` is what its environment tells besides, such
    as the tools' schemas and counters of ``tools``; empty where it tells nothing.
    """

    anchor: list[Anchor]
    admissible_actions: list[tuple[str, ...]]
    action_valid: npt.NDArray[np.bool_]
    won: npt.NDArray[np.bool_]
    task_score: npt.NDArray[np.float64]
    active: npt.NDArray[np.bool_]
    step_index: npt.NDArray[np.int64]
    stop_reason: list[str]
    state_digest: list[str]
    agent_id: list[str]
    session_id: list[str]
    group_id: list[str]
    error: list[Failure | None]
    further: list[Mapping[str, Json]]


@dataclass(slots=True, eq=False)
class Episode:
    """One episode with all that happened in it."""

    state: wire.SessionState
    first_observation: str
    steps: list[Step] = field(default_factory=list[Step])
    error: Failure | None = None
    awaiting: wire.StepAction | None = None

    @property
    def active(self) -> bool:
        """Whether it takes an action."""
        return self.error is None and not (self.state.terminated or self.state.truncated)


class Episodes:
    """Episodes of one batch of sessions, in the order in which they were made: group by group."""

    def __init__(self, plan: EpisodesPlan, states: Sequence[wire.SessionState]) -> None:
        self._plan = plan
        self._episodes = [Episode(state, text_of(state.observation)) for state in states]
        self._place = {state.session_id: place for place, state in enumerate(states)}

    def __len__(self) -> int:
        return len(self._episodes)

    def __getitem__(self, place: int) -> Episode:
        return self._episodes[place]

    @property
    def session_ids(self) -> list[str]:
        """The service's names of the episodes."""
        return [episode.state.session_id for episode in self._episodes]

    @property
    def awaiting(self) -> list[wire.StepAction]:
        """Actions that were sent and not answered."""
        return [episode.awaiting for episode in self._episodes if episode.awaiting is not None]

    def act(self, places: Iterable[int], actions: Sequence[str | None]) -> list[wire.StepAction]:
        """The messages of actions for the episodes at some places; ``None`` and ended episodes are passed over.

        Raises:
            InvalidArgument: an episode has an action under way, or there is no such episode.
        """
        messages: list[wire.StepAction] = []
        for place, action in zip(places, actions, strict=True):
            if not 0 <= place < len(self._episodes):
                raise invalid("indices", f"there is no episode {place}: they are 0 to {len(self) - 1}")
            episode = self._episodes[place]
            if action is None or not episode.active:
                continue
            if episode.awaiting is not None:
                raise invalid("actions", f"episode {place} has an action under way: receive its answer first")
            message = wire.StepAction(session_id=episode.state.session_id, expected_step=episode.state.step_index)
            message.action.parts.add(text=repaired_text(action))
            episode.awaiting = message
            messages.append(message)
        return messages

    def take(self, result: wire.StepResult) -> int:
        """Note an answer; the place of its episode, -1 where nobody waits for it."""
        place = self._place.get(result.session_id, -1)
        if place < 0:
            return -1
        episode = self._episodes[place]
        sent, episode.awaiting = episode.awaiting, None
        if sent is None:
            return -1
        if result.WhichOneof("outcome") == "error":
            episode.error = failure_of(result.error)
            return place
        state = result.state
        before = episode.state
        episode.steps.append(
            Step(
                action=text_of(sent.action),
                observation=text_of(state.observation),
                anchor=anchor_of(before),
                reward=state.reward,
                done=state.terminated or state.truncated,
                action_valid=state.action_valid,
                agent_id=before.agent_id,
            )
        )
        episode.state = state
        return place

    def observations(self) -> list[str]:
        """What each policy sees now."""
        return [text_of(episode.state.observation) for episode in self._episodes]

    def collect(self, read: Callable[[wire.SessionState], float], places: Sequence[int]) -> npt.NDArray[np.float64]:
        """A number of each episode at some places."""
        return np.array([read(self._episodes[place].state) for place in places], np.float64)

    def flags(self, read: Callable[[wire.SessionState], bool], places: Sequence[int]) -> npt.NDArray[np.bool_]:
        """A yes or no of each episode at some places."""
        return np.array([read(self._episodes[place].state) for place in places], np.bool_)

    def info(self, places: Sequence[int]) -> VectorInfo:
        """What is known beside the observations."""
        episodes = [self._episodes[place] for place in places]
        states = [episode.state for episode in episodes]
        return VectorInfo(
            anchor=[anchor_of(state) for state in states],
            admissible_actions=[tuple(state.admissible_actions) for state in states],
            action_valid=self.flags(lambda state: state.action_valid, places),
            won=self.flags(lambda state: state.won, places),
            task_score=self.collect(lambda state: state.task_score, places),
            active=np.array([episode.active for episode in episodes], np.bool_),
            step_index=np.array([state.step_index for state in states], np.int64),
            stop_reason=[state.stop_reason for state in states],
            state_digest=[state.state_digest for state in states],
            agent_id=[state.agent_id for state in states],
            session_id=[state.session_id for state in states],
            group_id=[state.group_id for state in states],
            error=[episode.error for episode in episodes],
            further=[parse_object(state.info_json) for state in states],
        )

    def history(self, place: int, last: int) -> list[tuple[str, str]]:
        """The last steps of an episode as (observation, action): what was seen, and what was done then."""
        episode = self._episodes[place]
        seen = [episode.first_observation, *(str(step.observation) for step in episode.steps)]
        done = [str(step.action) for step in episode.steps]
        return list(zip(seen, done, strict=False))[max(0, len(done) - last) :]

    def rollouts(self, task_type: str) -> list[Rollout]:
        """Every episode as a rollout, with its steps and their anchors."""
        return [self._rollout(episode, task_type) for episode in self._episodes]

    def _rollout(self, episode: Episode, task_type: str) -> Rollout:
        state = episode.state
        if episode.error is not None:
            life = RolloutState.FAILED
        elif state.terminated:
            life = RolloutState.DONE
        else:
            life = RolloutState.TRUNCATED
        return Rollout(
            rollout_id=state.session_id,
            group_id=state.group_id,
            group_size=self._plan.group_size,
            prompt_id=f"{self._plan.env_id}/{state.initial_state_digest[:16]}",
            task_type=task_type or self._plan.env_id,
            steps=tuple(episode.steps),
            state=life,
            prompt=episode.first_observation,
            initial_state_digest=state.initial_state_digest,
            num_tool_calls=_tool_calls(state),
        )


def _tool_calls(state: wire.SessionState) -> int | None:
    """Calls that the service counted; None where the environment counts none."""
    count = parse_object(state.info_json).get("numToolCalls")
    return count if isinstance(count, int) else None


def text_of(content: rollout_pb2.Content) -> str:
    """The texts of a content, one after the other."""
    return "".join(part.text for part in content.parts)


def anchor_of(state: wire.SessionState) -> Anchor:
    """The anchor of a state."""
    anchor = state.anchor
    return Anchor(
        observation=text_of(anchor.observation),
        inventory=text_of(anchor.inventory),
        state_digest=anchor.state_digest,
        state=parse_json(anchor.state_json) if anchor.state_json else None,
    )


def prompt_with_history(
    task: str, history: Sequence[tuple[str, str]], observation: str, admissible_actions: Sequence[str] = ()
) -> str:
    """A plain-text prompt: the task, the last steps, what is seen now, and what may be done.

    Args:
        history: from :meth:`VectorEnvironment.history`, oldest first.
    """
    parts = [task] if task else []
    if history:
        lines = [f"[{number}] saw: {seen}\n    did: {done}" for number, (seen, done) in enumerate(history, start=1)]
        parts.append("The last steps:\n" + "\n".join(lines))
    parts.append(f"Now: {observation}")
    if admissible_actions:
        parts.append("Possible actions: " + ", ".join(admissible_actions))
    return "\n\n".join(parts)
