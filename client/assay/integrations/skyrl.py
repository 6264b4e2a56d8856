"""SkyRL-gym: text environments whose rewards, or whose whole episodes, are the service's.

Register them under names of your own: ``skyrl_gym.register(id="assay",
entry_point="assay.integrations.skyrl:ScoredAnswerEnv")``. A generator needs a number for every trajectory, and there is
none for what could not be scored: then ``step`` raises, and the generator drops or repeats the trajectory as it does
with any failed environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput, ConversationType

from assay.errors import invalid, not_scored
from assay.integrations.completions import action_of, reference_of
from assay.integrations.settings import SCORER_SETTINGS, episode_plan_of, plain_json, scorer_of
from assay.integrations.text_episode import TextEpisode, shown
from assay.rollouts import Rollout, Step
from assay.sdk.samples import Json

_NONE: Mapping[str, object] = {}


class ScoredAnswerEnv(BaseTextEnv):
    """One answer, scored by a reward of the service.

    Args:
        env_config: the settings of :func:`assay.integrations.settings.scorer_of`, and ``key`` (of the reference).
        extras: the dataset's row: ``reward_spec.ground_truth``, and as wanted ``data_source`` and ``extra_info``.

    Raises:
        InvalidArgument: the row has no ground truth.
    """

    def __init__(self, env_config: Mapping[str, object] | None = None, extras: Mapping[str, object] = _NONE) -> None:
        super().__init__()
        config = env_config or _NONE
        self._scorer = scorer_of({name: config[name] for name in config if name in SCORER_SETTINGS})
        spec = cast("Mapping[str, object]", extras.get("reward_spec") or _NONE)
        if "ground_truth" not in spec:
            raise invalid("reward_spec.ground_truth", "the dataset's row has none")
        self._reference = reference_of(plain_json(spec["ground_truth"]), str(config.get("key") or ""))
        self._task_type = str(extras.get("data_source") or "")
        self._extra = cast("Mapping[str, Json] | None", plain_json(extras.get("extra_info")))

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Score the answer.

        Raises:
            NotScored: it could not be. AssayError: the service cannot be asked.
        """
        self.turns += 1
        asked = Rollout(
            "0", task_type=self._task_type, reference=self._reference, steps=(Step(action=action),), extra=self._extra
        )
        [result] = self._scorer.score([asked])
        score = result.score
        if score is None:
            assert result.error is not None
            raise not_scored(asked.rollout_id, result.error)
        return BaseTextEnvStepOutput(
            observations=[], reward=score.value, done=True, metadata={"assay": dict(score.components)}
        )


class EpisodeEnv(BaseTextEnv):
    """An episode of an environment of the service: the model's messages are the actions.

    A message's action is its last ``<action>`` tag, or all of it. Members of a group need the same seed.

    Args:
        env_config: see :func:`assay.integrations.settings.episode_plan_of`.
        extras: the dataset's row: ``seed`` (in it, or in its ``extra_info``), and the generator's ``max_turns``.
    """

    def __init__(self, env_config: Mapping[str, object] | None = None, extras: Mapping[str, object] = _NONE) -> None:
        super().__init__()
        row = cast("Mapping[str, object]", extras.get("extra_info") or _NONE)
        seed = extras.get("seed", row.get("seed", 0))
        self._episode = TextEpisode(episode_plan_of(env_config or _NONE), int(cast("int", seed)))
        self.max_turns = int(cast("int", extras.get("max_turns", 0)))
        self._won = False

    def init(self, prompt: ConversationType) -> tuple[ConversationType, dict[str, object]]:
        """The prompt with what is seen first, and the state it is seen in."""
        turn = self._episode.start()
        seen = shown(turn)
        opening = [dict(message) for message in prompt]
        if opening and opening[-1].get("role") == "user":
            opening[-1]["content"] = f"{opening[-1].get('content', '')}\n\n{seen}"
        else:
            opening.append({"role": "user", "content": seen})
        return opening, {"anchor": turn.anchor.observation}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Act; ends with the episode, or after ``max_turns``.

        Raises:
            AssayError: the service failed on the episode: that is no reward.
        """
        turn = self._episode.act(action_of(action))
        self.turns += 1
        self._won = turn.won
        over = turn.done or 0 < self.max_turns <= self.turns
        return BaseTextEnvStepOutput(
            observations=[] if over else [{"role": "user", "content": shown(turn)}],
            reward=turn.reward,
            done=over,
            metadata={"anchor": turn.anchor.observation, "action_valid": turn.action_valid, "won": turn.won},
        )

    def get_metrics(self) -> dict[str, object]:
        """Whether it was won."""
        return {"won": float(self._won), "turns": float(self.turns)}

    def close(self) -> None:
        """End the episode at the service."""
        self._episode.close()
