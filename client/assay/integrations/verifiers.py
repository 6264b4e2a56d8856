"""verifiers, and so prime-rl: tasks whose reward is the service's, and episodes of its environments.

verifiers loads a taskset by the name of a module that exports one class, so a package of your own names the one it
takes from here; see the examples. A completion that could not be scored raises: verifiers records the error on the
trace, gives it no reward, and trainers leave such traces out.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

import verifiers.v1 as vf

from assay.errors import not_scored
from assay.integrations.completions import action_of, name_of
from assay.integrations.settings import coalescing_scorer_of, episode_plan_of
from assay.integrations.text_episode import TextEpisode, Turn, shown
from assay.rollouts import Rollout, Step
from assay.sdk.samples import Json


class ScoredTaskConfig(vf.TaskConfig):
    """Which reward: the settings of :func:`assay.integrations.settings.scorer_of`."""

    target: str | None = None
    token: str | None = None
    reward: str = "math"
    params: dict[str, object] | None = None
    execution_timeout: float | None = None


class ScoredTaskData(vf.TaskData):
    """A row: beside the prompt, what is right.

    Attributes:
        reference: ground truth, e.g. ``{"answer": "18"}``.
    """

    reference: dict[str, object]
    task_type: str = ""
    extra: dict[str, object] | None = None


class ScoredTask(vf.Task[ScoredTaskData, vf.State, ScoredTaskConfig]):
    """A task whose reward is the service's; tasks that are scored at about the same time share calls."""

    @vf.reward
    async def assay(self, trace: vf.Trace) -> float:
        """The score of the last reply.

        Raises:
            NotScored: there is none, so the trace gets no reward.
        """
        names = ("target", "token", "reward", "params", "execution_timeout")
        settings = {name: getattr(self.config, name) for name in names}
        scorer = coalescing_scorer_of({name: value for name, value in settings.items() if value is not None})
        result = await scorer.score(
            Rollout(
                trace.id,
                prompt_id=name_of(self.key),
                prompt=self.data.prompt_text,
                task_type=self.data.task_type,
                reference=cast("Mapping[str, Json]", self.data.reference),
                steps=(Step(action=trace.last_reply),),
                extra=cast("Mapping[str, Json] | None", self.data.extra),
            )
        )
        score = result.score
        if score is None:
            assert result.error is not None
            raise not_scored(trace.id, result.error)
        trace.record_metrics({f"assay/{name}": value for name, value in score.components.items()})
        return score.value


class ScoredTasksetConfig(vf.TasksetConfig):
    """Where the rows are: a JSON Lines file of :class:`ScoredTaskData`."""

    path: Path = Path("tasks.jsonl")
    task: ScoredTaskConfig = ScoredTaskConfig()


class ScoredTaskset(vf.Taskset[ScoredTask, ScoredTasksetConfig]):
    """Rows of a file, scored by the service."""

    def load(self) -> Iterator[ScoredTask]:
        with self.config.path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield ScoredTask(ScoredTaskData.model_validate(json.loads(line)), self.config.task)


class EpisodeTaskConfig(vf.TaskConfig):
    """Which episodes: the settings of :func:`assay.integrations.settings.episode_plan_of`."""

    target: str | None = None
    token: str | None = None
    environment: str = "household"
    options: dict[str, object] | None = None
    max_steps: int = 0

    def episode(self, seed: int) -> TextEpisode:
        """An episode, not started."""
        return TextEpisode(episode_plan_of(self.model_dump()), seed)


class EpisodeTaskData(vf.TaskData):
    """An episode is its seed; the prompt is what is seen first."""

    seed: int


class EpisodeTask(vf.Task[EpisodeTaskData, vf.State, EpisodeTaskConfig]):
    """An episode to play; its reward is what the environment gave."""


class EpisodeTasksetConfig(vf.TasksetConfig):
    """The episodes, one a seed from the first on."""

    first_seed: int = 0
    task: EpisodeTaskConfig = EpisodeTaskConfig()


class EpisodeTaskset(vf.Taskset[EpisodeTask, EpisodeTasksetConfig]):
    """Episodes without end; bound it by a view."""

    INFINITE = True

    def load(self) -> Iterator[EpisodeTask]:
        for seed in itertools.count(self.config.first_seed):
            with self.config.task.episode(seed) as episode:
                seen = shown(episode.turn)
            name = f"{self.config.task.environment}#{seed}"
            yield EpisodeTask(EpisodeTaskData(name=name, prompt=seen, seed=seed), self.config.task)


class EpisodeEnvConfig(vf.EnvConfig):
    """The seat that plays."""

    player: vf.AgentConfig = vf.AgentConfig()


class _Seats(Protocol):
    @property
    def player(self) -> vf.Agent: ...


class EpisodeEnv(vf.Env[EpisodeEnvConfig]):
    """The environment of the service is the user who answers; the model's replies are the actions."""

    async def run(self, task: EpisodeTask, agents: _Seats) -> None:
        """Play an episode.

        Raises:
            AssayError: the service failed; verifiers records it, and the episode has no reward.
        """
        with task.config.episode(task.data.seed) as episode:
            turns: list[Turn] = []
            anchors = [episode.turn.anchor.observation]
            async with agents.player.interaction(task) as interaction:
                segment = await interaction.turn()
                while not segment.terminated:
                    turns.append(await asyncio.to_thread(episode.act, action_of(segment.last_reply)))
                    if turns[-1].done:
                        break
                    anchors.append(turns[-1].anchor.observation)
                    segment = await interaction.turn(shown(turns[-1]))
        trace = interaction.trace
        trace.record_reward("assay", sum(turn.reward for turn in turns))
        trace.record_metric("won", float(bool(turns) and turns[-1].won))
        trace.info["anchors"] = anchors
