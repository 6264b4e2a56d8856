"""``compute_score`` as verl calls it, asked of the service.

verl needs a number for every response. What could not be scored has none, so that by default the call raises, and
verl fails the batch, or asks again where it does that. See :class:`Unscored` for what else there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from assay.errors import invalid, not_scored
from assay.integrations.completions import name_of, reference_of
from assay.integrations.service import Scorer
from assay.integrations.settings import coalescing_scorer_of, plain_json, scorer_of
from assay.results import SampleResult
from assay.rollouts import Rollout, Step
from assay.sdk.samples import Json


class Unscored(Enum):
    """What verl gets for a response that could not be scored, where it is not a number of the caller's choice.

    RAISE: the call fails. NAN: not a number, and ``assay_scored`` of the extra info is 0; only for estimators that
    leave such rows out, as those of :mod:`assay.integrations.verl.estimators` do: verl's own make every row of the
    group NaN.
    """

    RAISE = "raise"
    NAN = "nan"


@dataclass(frozen=True, slots=True)
class Scoring:
    """How responses are scored and what verl is told.

    Attributes:
        key: of the reference under which the ground truth goes; see :func:`reference_of`.
        unscored: what becomes of a response without a score: a way, or a number.
    """

    scorer: Scorer = field(default_factory=Scorer)
    key: str = ""
    unscored: Unscored | float = Unscored.RAISE

    def rollout(
        self,
        data_source: str,
        solution: str,
        ground_truth: Json,
        extra_info: Mapping[str, object] | None,
        *,
        rollout_id: str = "0",
        num_tokens: int | None = None,
    ) -> Rollout:
        """A response as a rollout: the data source routes it, the extra info goes with it."""
        extra = {} if extra_info is None else {name: plain_json(value) for name, value in extra_info.items()}
        index = extra.get("index")
        return Rollout(
            rollout_id,
            prompt_id="" if index is None else name_of(data_source, str(index)),
            task_type=data_source,
            reference=reference_of(ground_truth, self.key),
            steps=(Step(action=solution),),
            extra=extra or None,
            num_tokens=num_tokens,
        )

    def answer(self, result: SampleResult) -> dict[str, float]:
        """What verl takes: ``score``, and whether it was scored at all; the same keys always, on which verl relies.

        Raises:
            NotScored: it was not, and that is to be raised.
        """
        score = result.score
        if score is not None:
            return {"score": score.value, "assay_scored": 1.0}
        error = result.error
        if self.unscored is Unscored.RAISE and error is not None:
            raise not_scored(result.rollout_id, error)
        number = math.nan if isinstance(self.unscored, Unscored) else self.unscored
        return {"score": number, "assay_scored": 0.0}


def scoring_of(settings: Mapping[str, object]) -> Scoring:
    """What verl's configuration says: ``key``, ``unscored``, and the settings of :func:`scorer_of`.

    Raises:
        InvalidArgument: a setting that there is not, or one that makes no sense.
    """
    scorer = scorer_of(_of_scorer(settings))
    return Scoring(scorer, str(settings.get("key") or ""), unscored_of(settings.get("unscored", "raise")))


def _of_scorer(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if name not in ("key", "unscored")}


def unscored_of(value: object) -> Unscored | float:
    """What is to become of a response without a score.

    Raises:
        InvalidArgument: neither ``raise``, ``nan`` nor a number.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in (way.value for way in Unscored):
        return Unscored(value)
    raise invalid("unscored", f"expected raise, nan or a number, got {value!r}")


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Json,
    extra_info: Mapping[str, object] | None = None,
    **settings: object,
) -> dict[str, float]:
    """A score file's function. ``settings`` are verl's ``reward_kwargs``; see :func:`scoring_of`.

    Raises:
        NotScored: the response could not be scored, unless ``unscored`` says otherwise.
    """
    scoring = scoring_of(settings)
    asked = scoring.rollout(data_source, solution_str, ground_truth, extra_info)
    return scoring.answer(scoring.scorer.score([asked])[0])


def compute_scores(
    data_sources: Sequence[str],
    solution_strs: Sequence[str],
    ground_truths: Sequence[Json],
    extra_infos: Sequence[Mapping[str, object] | None],
    **settings: object,
) -> list[dict[str, float]]:
    """The same for verl's ``batch`` reward manager: one call for all."""
    scoring = scoring_of(settings)
    rows = zip(data_sources, solution_strs, ground_truths, extra_infos, strict=True)
    asked = [scoring.rollout(*row, rollout_id=str(place)) for place, row in enumerate(rows)]
    return [scoring.answer(result) for result in scoring.scorer.score(asked)]


async def compute_score_async(
    data_source: str,
    solution_str: str,
    ground_truth: Json,
    extra_info: Mapping[str, object] | None = None,
    **settings: object,
) -> dict[str, float]:
    """The same for verl's reward loop, whose many responses share calls."""
    scoring = scoring_of(settings)
    asked = scoring.rollout(data_source, solution_str, ground_truth, extra_info)
    return scoring.answer(await coalescing_scorer_of(_of_scorer(settings)).score(asked))
