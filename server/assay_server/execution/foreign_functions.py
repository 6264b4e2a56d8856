"""Reward functions written for verl and for TRL, called the way those libraries call them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TypeAlias, cast

import numpy as np

from assay.sdk import Json, Sample, Score, Unscorable
from assay_server.execution.foreign_scores import score_of_number, score_of_verl

Adapted: TypeAlias = Callable[[Sample], "Score | Awaitable[Score]"]

_VERL_NAMES = ("data_source", "solution_str", "ground_truth", "extra_info")
_TRL_OWN_COLUMNS = ("prompt", "completion", "completion_ids", "conversational")


def adapted_function(function: Callable[..., object]) -> Adapted | None:
    """A reward of what is written for verl or TRL; None where it is neither.

    verl: ``compute_score(data_source, solution_str, ground_truth, extra_info=None)`` with any of these left out, and
    the batched form with plural names; sync or async. TRL: ``f(prompts, completions, **columns)``, sync or async.
    """
    signature = inspect.signature(function)
    names = set(signature.parameters)
    any_name = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in signature.parameters.values())
    if {"solution_str", "ground_truth"} <= names or (
        names == _variadic(signature) and any_name and getattr(function, "__name__", "") == "compute_score"
    ):
        return _verl_reward(function)
    if {"solution_strs", "ground_truths"} <= names:
        return _verl_batch_reward(function)
    if "completions" in names:
        return _trl_reward(function)
    return None


def _variadic(signature: inspect.Signature) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name for name, one in signature.parameters.items() if one.kind in kinds}


# ---------------------------------------------------------------- verl


def _verl_reward(compute_score: Callable[..., object]) -> Adapted:
    signature = inspect.signature(compute_score)

    def verl_reward(sample: Sample) -> Score | Awaitable[Score]:
        return _scored(_called(compute_score, signature, _verl_arguments(sample)), score_of_verl)

    return verl_reward


def _verl_batch_reward(compute_score: Callable[..., object]) -> Adapted:
    signature = inspect.signature(compute_score)

    def verl_batch_reward(sample: Sample) -> Score | Awaitable[Score]:
        arguments = {f"{name}s": [value] for name, value in _verl_arguments(sample).items()}
        return _scored(_called(compute_score, signature, arguments), lambda said: score_of_verl(_only(said)))

    return verl_batch_reward


def _verl_arguments(sample: Sample) -> dict[str, object]:
    rest = {name: value for name, value in sample.extra.items() if name not in ("data_source", "extra_info")}
    values = (
        sample.extra.get("data_source", sample.task_type),
        sample.response,
        _ground_truth(sample.reference),
        sample.extra.get("extra_info", rest),
    )
    return dict(zip(_VERL_NAMES, values, strict=True))


def _ground_truth(reference: Mapping[str, Json]) -> object:
    for key in ("ground_truth", "answer"):
        if key in reference:
            return reference[key]
    model = reference.get("reward_model")
    if isinstance(model, Mapping) and "ground_truth" in model:
        return model["ground_truth"]
    if not reference:
        raise Unscorable("REFERENCE_MISSING", "the function needs a ground truth", field="reference_json")
    return dict(reference)


# ---------------------------------------------------------------- TRL


def _trl_reward(function: Callable[..., object]) -> Adapted:
    signature = inspect.signature(function)

    def trl_reward(sample: Sample) -> Score | Awaitable[Score]:
        said = _called(function, signature, _trl_arguments(sample))
        return _scored(said, lambda values: score_of_number(_only(values)))

    return trl_reward


def _trl_arguments(sample: Sample) -> dict[str, object]:
    """Lists of one: prompts, completions, every column of the dataset; messages where the dataset has messages."""
    columns: dict[str, object] = {
        name: [value] for name, value in {**sample.reference, **sample.extra}.items() if name not in _TRL_OWN_COLUMNS
    }
    prompt: object = sample.extra.get("prompt", sample.prompt)
    completion: object = sample.response
    if isinstance(prompt, list) or sample.extra.get("conversational"):
        completion = [{"role": "assistant", "content": sample.response}]
        prompt = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    tokens = sample.signals.get("token_ids")
    return {
        **columns,
        "prompts": [prompt],
        "completions": [completion],
        "completion_ids": [tokens.tolist() if isinstance(tokens, np.ndarray) else []],
        "trainer_state": SimpleNamespace(global_step=sample.global_step),
        "log_extra": _not_logged,
        "log_metric": _not_logged,
    }


def _not_logged(name: str, value: object) -> None:
    """The trainer's own log is not here."""
    del name, value


# ---------------------------------------------------------------- both


def _scored(said: object, score_of: Callable[[object], Score]) -> Score | Awaitable[Score]:
    """What a function returned as a score; at once where it is there."""
    return _scored_later(cast("Awaitable[object]", said), score_of) if inspect.isawaitable(said) else score_of(said)


async def _scored_later(said: Awaitable[object], score_of: Callable[[object], Score]) -> Score:
    return score_of(await said)


def _called(function: Callable[..., object], signature: inspect.Signature, arguments: Mapping[str, object]) -> object:
    """What the function returns for those of the arguments that it takes.

    Raises:
        Unscorable: MISSING_COLUMN, it needs one that the rollout does not have.
    """
    parameters = signature.parameters.values()
    needed = [one.name for one in parameters if one.default is inspect.Parameter.empty and one.kind in _NAMED]
    missing = next((name for name in needed if name not in arguments), None)
    if missing is not None:
        message = f"the function needs {missing!r}, which is neither in the reference nor among the extra columns"
        raise Unscorable("MISSING_COLUMN", message, field="extra_json")
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    accepted = {name: value for name, value in arguments.items() if takes_all or name in signature.parameters}
    return function(**accepted)


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _only(said: object) -> object:
    values = list(cast("Sequence[object]", said))
    if len(values) != 1:
        raise Unscorable("REWARD_FAILED", f"the function returned {len(values)} rewards for one completion")
    return values[0]
