"""A reward manager of verl's older interface: called with a whole batch, it answers a tensor of rewards by token.

``VERL_USE_EXTERNAL_MODULES=assay.integrations.verl.reward_manager`` makes ``assay`` a value of
``reward_model.reward_manager``; settings of :func:`assay.integrations.verl.scores.scoring_of` go under
``reward_model.reward_kwargs``. Newer versions of verl have :mod:`assay.integrations.verl.reward_loop` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from verl.workers.reward_manager import register

from assay.integrations.verl.scores import scoring_of

if TYPE_CHECKING:
    from assay.rollouts import Rollout
    from assay.sdk.samples import Json


class Tensor(Protocol):
    """What is used of a batch's tensors."""

    @property
    def shape(self) -> Sequence[int]: ...

    def __getitem__(self, key: object) -> Tensor: ...

    def __setitem__(self, key: tuple[int, int], value: float) -> None: ...

    def __mul__(self, other: float) -> Tensor: ...

    def __int__(self) -> int: ...

    def float(self) -> Tensor: ...

    def sum(self) -> Tensor: ...


class Row(Protocol):
    """One response of a batch."""

    @property
    def batch(self) -> Mapping[str, Tensor]: ...

    @property
    def non_tensor_batch(self) -> Mapping[str, object]: ...


class Rows(Protocol):
    """A batch: verl's ``DataProto``."""

    @property
    def batch(self) -> Mapping[str, Tensor]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Row: ...


class Tokenizer(Protocol):
    """What is used of the tokenizer."""

    def decode(self, token_ids: object, skip_special_tokens: bool = ...) -> str: ...


@register("assay")
class AssayBatchRewardManager:
    """Asks the service about all responses of a batch in one call."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        num_examine: int,
        compute_score: Callable[..., object] | None = None,
        reward_fn_key: str = "data_source",
        **settings: object,
    ) -> None:
        """Made by verl; ``num_examine`` and ``compute_score`` are not used.

        Raises:
            InvalidArgument: a setting that there is not.
        """
        del num_examine, compute_score
        self._tokenizer = tokenizer
        self._source = reward_fn_key
        self._scoring = scoring_of(settings)

    def __call__(self, data: Rows, return_dict: bool = False) -> Tensor | dict[str, object]:
        """Each response's reward at its last token; shape (responses, tokens).

        Raises:
            NotScored: one could not be scored, unless ``unscored`` says otherwise.
        """
        rewards = data.batch["responses"].float() * 0.0
        rows = [data[place] for place in range(len(data))]
        lengths = [_length(row) for row in rows]
        asked = [
            self._rollout(str(place), row, length)
            for place, (row, length) in enumerate(zip(rows, lengths, strict=True))
        ]
        answers = [self._scoring.answer(result) for result in self._scoring.scorer.score(asked)]
        for place, (length, answer) in enumerate(zip(lengths, answers, strict=True)):
            rewards[place, max(length - 1, 0)] = answer["score"]
        if not return_dict:
            return rewards
        extra = {name: [answer[name] for answer in answers] for name in (answers[0] if answers else ())}
        return {"reward_tensor": rewards, "reward_extra_info": extra}

    def _rollout(self, rollout_id: str, row: Row, length: int) -> Rollout:
        facts = row.non_tensor_batch
        solution = self._tokenizer.decode(row.batch["responses"][:length], skip_special_tokens=True)
        return self._scoring.rollout(
            str(facts[self._source]),
            solution,
            cast("Json", cast("Mapping[str, object]", facts["reward_model"])["ground_truth"]),
            cast("Mapping[str, object] | None", facts.get("extra_info")),
            rollout_id=rollout_id,
            num_tokens=length,
        )


def _length(row: Row) -> int:
    """Tokens of the response that are not padding: the mask covers the prompt as well."""
    tokens = row.batch["responses"].shape[-1]
    return int(row.batch["attention_mask"][-tokens:].sum())


__all__: Sequence[str] = ["AssayBatchRewardManager"]
