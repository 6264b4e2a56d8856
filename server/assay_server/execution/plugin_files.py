"""Definitions in a file of the operator's: decorated ones, a verl ``compute_score``, a TRL reward function."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from assay.sdk import Lane, PluginDefinition, RewardDefinition, reward
from assay_server.execution.foreign_functions import adapted_function

_ID_UNFIT = re.compile(r"[^a-z0-9_-]+")


Definition: TypeAlias = RewardDefinition | PluginDefinition


class BrokenPlugin(Exception):
    """A plugin file cannot be used; the message says why and shows where."""


def load_plugin_file(plugin: str) -> list[tuple[Definition, tuple[str, ...]]]:
    """The definitions of ``PATH`` (all that are decorated) or ``PATH:NAME`` (that one), with further names of each.

    Raises:
        BrokenPlugin: the file cannot be imported, or has no such definition.
    """
    path, _, name = plugin.partition(".py:")
    file = Path(path + ".py") if name else Path(path)
    module = _import_file(file)
    if not name:
        found = definitions_in(module)
        if not found:
            raise BrokenPlugin(
                f"{file}: nothing in it is declared; decorate a function with assay.sdk.reward, or name one of verl's "
                f"or TRL's with {file}:NAME"
            )
        return [(definition, ()) for definition in found]
    target = getattr(module, name, None)
    if isinstance(target, RewardDefinition | PluginDefinition):
        return [(target, (plugin,))]
    if not callable(target):
        raise BrokenPlugin(f"{file}: there is no function {name!r} in it{_nearest_function(module, name)}")
    return [(_adapted(file, name, target), (plugin,))]


def definitions_in(module: ModuleType) -> list[Definition]:
    """What a module declares, in order; each once."""
    found = [value for value in vars(module).values() if isinstance(value, RewardDefinition | PluginDefinition)]
    return list({id(definition): definition for definition in found}.values())


def _nearest_function(module: ModuleType, name: str) -> str:
    names = [known for known, value in vars(module).items() if callable(value) and not known.startswith("_")]
    near = difflib.get_close_matches(name, names, 3)
    return f"; did you mean {', '.join(near)}?" if near else ""


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
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise BrokenPlugin(f"{file}: {type(error).__name__} on import: {error}{_line(error, file)}") from error
    return module


def _line(error: BaseException, file: Path) -> str:
    """The line of the file that broke, where it is known and the error does not show it."""
    path = str(file.absolute())  # as frames have it, however the file was named
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"\n  {file}:{lines[-1].lineno}: {lines[-1].line}" if lines else ""


def _adapted(file: Path, name: str, function: Callable[..., object]) -> RewardDefinition:
    """A function of another library's, with a digest over the whole file: its neighbours are part of what it does."""
    adapted = adapted_function(function)
    if adapted is None:
        raise BrokenPlugin(
            f"{file}:{name}{inspect.signature(function)} is neither a verl compute_score(data_source, solution_str, "
            "ground_truth, extra_info) nor a TRL reward function (prompts, completions, **columns)"
        )
    stem, part = (_ID_UNFIT.sub("-", text.lower()).strip("-_") for text in (file.stem, name))
    declare = reward(
        f"file/p-{stem}_{part}-v1" if not stem[:1].isalpha() else f"file/{stem}_{part}-v1",
        bounds=(float("-inf"), float("inf")),
        lane=Lane.CPU,
        deterministic=False,
        source=file.name,
    )
    digest = hashlib.sha256(name.encode() + b"\0" + file.read_bytes()).hexdigest()
    return dataclasses.replace(declare(adapted), digest=digest, doc=inspect.getdoc(function) or "")
