"""A reward manager for verl's reward loop: a response is decoded, and asked about together with others.

Configured as ``reward.reward_manager.source=importlib``, ``.name=AssayRewardManager`` and ``.module.path`` = this
module, with the settings of :func:`assay.integrations.verl.scores.scoring_of` under ``reward.reward_kwargs``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from assay.integrations.coalescing import CoalescingScorer
from assay.integrations.verl.scores import scoring_of
from assay.sdk.samples import Json


class Tokenizer(Protocol):
    """What is used of the tokenizer."""

    def decode(self, token_ids: object, skip_special_tokens: bool = ...) -> str: ...


class Config(Protocol):
    """What is read of verl's configuration."""

    @property
    def reward(self) -> Mapping[str, object]: ...


class AssayRewardManager(RewardManagerBase):
    """Asks the service. A response that could not be scored is what the setting ``unscored`` says; see the scores."""

    def __init__(
        self,
        config: Config,
        tokenizer: Tokenizer,
        compute_score: Callable[..., object] | None = None,
        **unused: object,
    ) -> None:
        """Made by verl; ``compute_score`` and the reward model's address are not used."""
        del unused
        super().__init__(config, tokenizer, compute_score)
        settings = cast("Mapping[str, object]", config.reward.get("reward_kwargs") or {})
        self._scoring = scoring_of(settings)
        self._scorer = CoalescingScorer(self._scoring.scorer)
        self._tokenizer = tokenizer

    async def run_single(self, data: DataProto) -> dict[str, object]:
        """The reward of a trajectory's last response.

        Raises:
            NotScored: it could not be scored, unless ``unscored`` says otherwise.
        """
        item = data[-1:][0]
        tokens = item.batch["responses"]
        length = int(item.batch["attention_mask"][-tokens.shape[-1] :].sum())
        row = item.non_tensor_batch
        solution = await asyncio.to_thread(self._tokenizer.decode, tokens[:length], skip_special_tokens=True)
        asked = self._scoring.rollout(
            str(row["data_source"]),
            solution,
            cast("Json", cast("Mapping[str, object]", row["reward_model"])["ground_truth"]),
            cast("Mapping[str, object] | None", row.get("extra_info")),
            num_tokens=length,
        )
        answer = self._scoring.answer(await self._scorer.score(asked))
        return {"reward_score": answer["score"], "reward_extra_info": answer}


__all__: Sequence[str] = ["AssayRewardManager"]
