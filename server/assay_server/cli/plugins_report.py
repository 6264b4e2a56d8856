"""What ``assay plugin check`` and ``list`` do."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
from collections.abc import Sequence
from pathlib import Path

from assay.sdk import Json, PluginDefinition, PluginKind, RewardDefinition
from assay_server.cli.env_check import check_environments
from assay_server.cli.env_episode import EpisodeNames
from assay_server.cli.plugins_check import check_rewards
from assay_server.cli.plugins_check_groups import check_plugin
from assay_server.cli.refusals import Usage
from assay_server.execution.discovery import (
    ENTRY_POINTS,
    INSTALLED,
    BrokenPlugin,
    discover,
    is_path,
    load_plugin,
)
from assay_server.execution.plugin_checks import Finding
from assay_server.execution.plugin_records import PluginRecord

_EPISODES = 5
"""Random walks that an environment is held to; ``assay env check`` does more of them."""


def listed_plugins(plugins: Sequence[str], *, as_json: bool) -> list[str]:
    """A line for everything that can be named, the broken ones with the reason and the definition at fault.

    Raises:
        Usage: one that was named is broken.
    """
    try:
        records = discover(None, _absolute(plugins)).records
    except BrokenPlugin as error:
        raise Usage(f"--plugin: {error}") from error
    return [json.dumps(_json(record)) if as_json else _listed(record) for record in records]


def shown_finding(finding: Finding, *, as_json: bool) -> str:
    """A finding as a line."""
    if as_json:
        return json.dumps(dataclasses.asdict(finding))
    return f"{'ok  ' if finding.passed else 'FAIL'}  {finding.plugin}  {finding.check}: {finding.explanation}"


def check_all(plugin: str) -> list[Finding]:
    """The findings about every definition of a plugin; one finding where it cannot be loaded.

    Raises:
        Usage: there is nothing of that name.
    """
    name = _named(plugin)
    try:
        loaded = load_plugin(name)
        discover(None, [name] if is_path(name) else [], installed=False)
    except BrokenPlugin as error:
        return [Finding(plugin, "declaration", False, str(error))]
    definitions = [definition for definition, _ in loaded]
    findings = check_rewards(name, [one for one in definitions if isinstance(one, RewardDefinition)])
    for definition in definitions:
        if isinstance(definition, PluginDefinition):
            findings += check_plugin(definition)
        if isinstance(definition, PluginDefinition) and definition.kind is PluginKind.ENVIRONMENT:
            names = EpisodeNames(definition.id, plugins=(name,) if is_path(name) else ())
            findings += check_environments(names, _EPISODES)
    return findings


def _named(plugin: str) -> str:
    """The plugin as workers are told it: an absolute path, or an entry point by its name or its module."""
    if is_path(plugin):
        return _absolute([plugin])[0]
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if plugin in (entry.name, entry.value, entry.module):
            return INSTALLED + entry.name
    raise Usage(f"{plugin}: neither a .py file nor an installed plugin; `assay plugin list` shows what there is")


def _absolute(plugins: Sequence[str]) -> list[str]:
    return [str(Path(plugin).absolute()) if is_path(plugin) else plugin for plugin in plugins]


def _json(record: PluginRecord) -> dict[str, Json]:
    bounds: Json = None if record.bounds is None else [b if math.isfinite(b) else None for b in record.bounds]
    return {**dataclasses.asdict(record), "origin": record.origin.value, "bounds": bounds}


def _listed(record: PluginRecord) -> str:
    if record.broken:
        return f"{record.id}  BROKEN  {record.origin.value}: {record.place}  {record.broken}\n{record.definition}"
    where = record.origin.value + (f": {record.place}" if record.place != "assay" else "")
    return f"{record.id}  {record.kind}  {where}  {record.digest[:12]}"
