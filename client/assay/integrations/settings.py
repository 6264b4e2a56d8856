"""What a trainer's configuration file says, as values: which service, which reward, which episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, cast

from assay._text import json_object_text, parse_json
from assay.episodes import SessionPolicy
from assay.errors import invalid
from assay.integrations.coalescing import CoalescingScorer
from assay.integrations.service import EpisodePlan, Scorer, Service
from assay.sdk.samples import Json

SCORER_SETTINGS: Final = frozenset({"target", "token", "timeout", "reward", "params", "execution_timeout"})
"""What :func:`scorer_of` reads."""

_NUMBERS = ("max_steps", "max_steps_without_progress", "max_state_visits", "invalid_action_penalty", "idle_timeout")


def plain_json(value: object) -> Json:
    """A value of a configuration or of a dataset's row as JSON: arrays become lists, anything unknown its text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain_json(item) for name, item in cast("Mapping[object, object]", value).items()}
    listed = getattr(value, "tolist", None)
    if callable(listed):
        return plain_json(listed())
    if isinstance(value, Sequence):
        return [plain_json(item) for item in cast("Sequence[object]", value)]
    return str(value)


def scorer_of(settings: Mapping[str, object]) -> Scorer:
    """The scorer of ``target``, ``token``, ``timeout``, ``reward``, ``params`` and ``execution_timeout``, where given.

    Raises:
        InvalidArgument: a setting that there is not.
    """
    return _scorer(_text(settings))


def coalescing_scorer_of(settings: Mapping[str, object]) -> CoalescingScorer:
    """The same for coroutines; equal settings share one, and so their calls."""
    return _coalescing(_text(settings))


def _text(settings: Mapping[str, object]) -> str:
    if unknown := sorted(set(settings) - SCORER_SETTINGS):
        raise invalid(unknown[0], f"is no setting; there are {', '.join(sorted(SCORER_SETTINGS))}")
    return json_object_text({name: plain_json(value) for name, value in sorted(settings.items())})


@lru_cache(maxsize=64)
def _scorer(text: str) -> Scorer:
    given = cast("dict[str, Json]", parse_json(text))
    seconds = given.get("execution_timeout")
    return Scorer(
        service=_service(given),
        reward=str(given.get("reward") or "math"),
        params=cast("Mapping[str, Json] | None", given.get("params")),
        execution_timeout=None if seconds is None else float(cast("float", seconds)),
    )


@lru_cache(maxsize=64)
def _coalescing(text: str) -> CoalescingScorer:
    return CoalescingScorer(_scorer(text))


def _service(given: Mapping[str, object]) -> Service:
    service = Service()
    if given.get("target"):
        service = replace(service, target=str(given["target"]))
    if given.get("token"):
        service = replace(service, token=str(given["token"]))
    return service if given.get("timeout") is None else replace(service, timeout=_number(given["timeout"]))


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise invalid("timeout", f"expected a number of seconds, got {value!r}")


def episode_plan_of(config: Mapping[str, object]) -> EpisodePlan:
    """The episodes of ``environment``, and as wanted ``options``, ``target``, ``token``, and numbers of a policy.

    Anything else in ``config`` is the trainer's own and is passed over.

    Raises:
        InvalidArgument: no environment is named.
    """
    if not config.get("environment"):
        raise invalid("environment", "name the environment that is played, e.g. household")
    policy = {name: config[name] for name in _NUMBERS if config.get(name) is not None}
    return EpisodePlan(
        environment=str(config["environment"]),
        options=cast("Mapping[str, Json] | None", plain_json(config.get("options"))),
        policy=SessionPolicy(**cast("dict[str, int]", policy)),
        service=_service(config),
    )
