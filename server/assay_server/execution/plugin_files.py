"""Rewards in a file of the operator's: decorated ones, a verl ``compute_score``, a TRL reward function."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from assay.sdk import Json, Lane, RewardDefinition, Sample, Score, Unscorable, reward
from assay.sdk.rewards import SampleReward
from assay_server.execution.foreign_scores import score_of_number, score_of_verl
from assay_server.rewards.catalogue import Catalogue
from assay_server.rewards.errors import DefinitionConflict

_ID_UNFIT = re.compile(r"[^a-z0-9_-]+")


class BrokenPlugin(Exception):
    """A plugin file cannot be used; the message says why and shows where."""


def load_plugin_file(plugin: str) -> list[tuple[RewardDefinition, tuple[str, ...]]]:
    """The rewards of ``PATH`` (all that are decorated) or ``PATH:NAME`` (that one), with further names of each.

    Raises:
        BrokenPlugin: the file cannot be imported, or has no such reward.
    """
    path, _, name = plugin.partition(".py:")
    file = Path(path + ".py") if name else Path(path)
    module = _import_file(file)
    if not name:
        found = [value for value in vars(module).values() if isinstance(value, RewardDefinition)]
        if not found:
            raise BrokenPlugin(f"{file}: no reward in it; decorate a function with assay.sdk.reward")
        return [(definition, ()) for definition in found]
    target = getattr(module, name, None)
    if isinstance(target, RewardDefinition):
        return [(target, (plugin,))]
    if not callable(target):
        raise BrokenPlugin(f"{file}: there is no function {name!r} in it")
    return [(_adapted(file, name, target), (plugin,))]


def catalogue_with_plugins(catalogue: Catalogue, plugins: Sequence[str]) -> Catalogue:
    """The catalogue with the rewards of these files too.

    Raises:
        BrokenPlugin: a file cannot be used, or claims a name that is taken.
    """
    for plugin in plugins:
        catalogue = _with_plugin(catalogue, plugin)
    return catalogue


def _with_plugin(catalogue: Catalogue, plugin: str) -> Catalogue:
    try:
        for definition, names in load_plugin_file(plugin):
            catalogue = catalogue.with_definition(definition, *names)
    except DefinitionConflict as error:
        raise BrokenPlugin(f"{plugin}: {error}") from error
    return catalogue


def _import_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise BrokenPlugin(f"{file}: there is no such file")
    module_name = f"assay_plugin_{_ID_UNFIT.sub('_', str(file.resolve()).lower())}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BrokenPlugin(f"{file}: {type(error).__name__} on import: {error}") from error
    return module


def _adapted(file: Path, name: str, function: Callable[..., object]) -> RewardDefinition:
    parameters = set(inspect.signature(function).parameters)
    definition_id = f"file/{_ID_UNFIT.sub('-', file.stem.lower()).strip('-') or 'plugin'}_{name.lower()}-v1"
    declare = reward(
        definition_id, bounds=(float("-inf"), float("inf")), lane=Lane.CPU, deterministic=False, source=str(file.name)
    )
    if {"solution_str", "ground_truth"} <= parameters:
        return _pinned(declare(_verl_reward(function)), file, name)
    if "completions" in parameters:
        return _pinned(declare(cast("SampleReward", _trl_reward(function))), file, name)
    raise BrokenPlugin(
        f"{file}:{name}{inspect.signature(function)} is neither a verl compute_score(data_source, solution_str, "
        "ground_truth, extra_info) nor a TRL reward function (prompts, completions, **columns)"
    )


def _pinned(definition: RewardDefinition, file: Path, name: str) -> RewardDefinition:
    """The definition with a digest over the whole file: the function's neighbours are part of what it does."""
    digest = hashlib.sha256(name.encode() + b"\0" + file.read_bytes()).hexdigest()
    return dataclasses.replace(definition, digest=digest)


def _verl_reward(compute_score: Callable[..., object]) -> Callable[..., Score]:
    accepted = inspect.signature(compute_score).parameters
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values())

    def verl_reward(sample: Sample) -> Score:
        arguments: dict[str, object] = {
            "data_source": sample.extra.get("data_source", sample.task_type),
            "solution_str": sample.response,
            "ground_truth": _ground_truth(sample.reference),
            "extra_info": sample.extra.get("extra_info", dict(sample.extra)),
        }
        said = compute_score(**{key: value for key, value in arguments.items() if takes_all or key in accepted})
        return score_of_verl(said)

    return verl_reward


def _ground_truth(reference: Mapping[str, Json]) -> object:
    for key in ("ground_truth", "answer"):
        if key in reference:
            return reference[key]
    return dict(reference)


def _trl_reward(function: Callable[..., object]) -> Callable[..., object]:
    async def trl_reward(sample: Sample) -> Score:
        conversational = bool(sample.extra.get("conversational"))
        completion: object = [{"role": "assistant", "content": sample.response}] if conversational else sample.response
        prompt: object = [{"role": "user", "content": sample.prompt}] if conversational else sample.prompt
        columns = {name: [value] for name, value in {**sample.reference, **sample.extra}.items()}
        columns.pop("conversational", None)
        said = function(**_fitting(function, {**columns, "prompts": [prompt], "completions": [completion]}))
        if inspect.isawaitable(said):
            said = await said
        values = list(cast("Sequence[float | None]", said))
        if len(values) != 1:
            raise Unscorable("REWARD_FAILED", f"the function returned {len(values)} rewards for one completion")
        return score_of_number(values[0])

    return trl_reward


def _fitting(function: Callable[..., object], arguments: Mapping[str, object]) -> dict[str, object]:
    accepted = inspect.signature(function).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values()):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in accepted}
