"""TRL: a reward function for ``GRPOTrainer(reward_funcs=...)`` and the other online trainers.

TRL takes None for "does not apply": such a completion counts neither in its group's mean nor in its spread, and gets
an advantage of 0 where no other reward function scored it. That is what a completion that could not be scored becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

from assay.errors import invalid
from assay.integrations.completions import Text, name_of, plain, reference_of, steps_of
from assay.integrations.service import Scorer
from assay.results import SampleResult
from assay.rollouts import Rollout
from assay.sdk.samples import Json

Reference: TypeAlias = "str | Callable[[Mapping[str, object]], Mapping[str, Json]]"
"""A column of the dataset, or what makes the reference from a row."""


class TrainerState(Protocol):
    """What is read of the trainer's state."""

    @property
    def global_step(self) -> int:
        """Optimisation steps so far."""
        ...


class AssayReward:
    """A reward of the service as a TRL reward function.

    Rollouts carry the trainer's step, and completions of the same prompt are one group, so that what the service
    records can be told apart by step and by prompt. It can be pickled.

    Args:
        scorer: the service and its reward.
        reference: the dataset's column with the ground truth, or a function of the row.
        key: of the reference under which a column's value goes; empty: an object is the reference itself, anything
            else its ``answer``.
        extra: columns that are handed to the reward as ``extra``.
        task_type: of the rollouts, for rewards that route by it; a column's name in braces takes the row's.
        name: under which TRL logs it.
    """

    def __init__(
        self,
        scorer: Scorer | None = None,
        *,
        reference: Reference = "answer",
        key: str = "",
        extra: Sequence[str] = (),
        task_type: str = "",
        name: str = "assay",
    ) -> None:
        self._scorer = scorer or Scorer()
        self._reference = reference
        self._key = key
        self._extra = tuple(extra)
        self._task_type = task_type
        self.__name__ = name

    def __call__(
        self,
        prompts: Sequence[Text],
        completions: Sequence[Text],
        completion_ids: Sequence[Sequence[int]] | None = None,
        *,
        trainer_state: TrainerState | None = None,
        log_extra: Callable[[str, list[object]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: object,
    ) -> list[float | None]:
        """Scores in order; None where there is none.

        Raises:
            AssayError: the service cannot be asked; a single completion that cannot be scored does not raise.
        """
        step = 0 if trainer_state is None else trainer_state.global_step
        lengths = [None] * len(prompts) if completion_ids is None else [len(ids) for ids in completion_ids]
        columns_by_row = {name: cast("Sequence[object]", value) for name, value in columns.items() if _is_column(value)}
        rollouts: list[Rollout] = []
        for place, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            row = {name: values[place] for name, values in columns_by_row.items() if len(values) == len(prompts)}
            rollouts.append(self._rollout(place, step, prompt, completion, lengths[place], row))
        results = self._scorer.score(rollouts)
        if log_metric is not None and results:
            log_metric(f"{self.__name__}/unscored", sum(not result.scored for result in results) / len(results))
        if log_extra is not None:
            log_extra(f"{self.__name__}_failure", [_reason(result) for result in results])
        return [result.value if result.scored else None for result in results]

    def _rollout(
        self, place: int, step: int, prompt: Text, completion: Text, length: int | None, row: Mapping[str, object]
    ) -> Rollout:
        asked = plain(prompt)
        prompt_id = name_of(asked)
        return Rollout(
            f"{step}-{place}-{prompt_id}",
            group_id=f"{step}-{prompt_id}",
            prompt_id=prompt_id,
            prompt=asked,
            task_type=self._type(row),
            reference=self._truth(row),
            steps=steps_of(completion),
            extra={name: cast("Json", _cell(row, name)) for name in self._extra} or None,
            num_tokens=length,
            global_step=step,
        )

    def _type(self, row: Mapping[str, object]) -> str:
        if self._task_type.startswith("{") and self._task_type.endswith("}"):
            return str(_cell(row, self._task_type[1:-1]))
        return self._task_type

    def _truth(self, row: Mapping[str, object]) -> Mapping[str, Json]:
        if not isinstance(self._reference, str):
            return self._reference(row)
        return reference_of(cast("Json", _cell(row, self._reference)), self._key)


def _is_column(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _cell(row: Mapping[str, object], name: str) -> object:
    if name not in row:
        raise invalid("reference", f"the dataset has no column {name!r}; there are {', '.join(sorted(row)) or 'none'}")
    return row[name]


def _reason(result: SampleResult) -> str:
    error = result.error
    return "" if error is None else error.reason or error.code_name
