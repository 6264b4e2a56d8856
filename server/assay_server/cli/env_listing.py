"""``assay env list``: what can be named, with options."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from assay.sdk import Json
from assay_server.cli.env_episode import environment_catalogue
from assay_server.environments.definition import EnvironmentDefinition


def listed_environments(plugins: Sequence[str], *, as_json: bool) -> list[str]:
    """A line, or one with a line for each option below it, for every environment.

    Raises:
        Usage: a plugin is broken.
    """
    definitions = environment_catalogue(plugins).definitions()
    return [json.dumps(_json(one)) if as_json else _listed(one) for one in definitions]


def _json(one: EnvironmentDefinition) -> dict[str, Json]:
    return {
        "id": one.id,
        "aliases": list(one.aliases),
        "summary": one.summary,
        "replay": one.replay.value,
        "digest": one.digest,
        "options": dict(one.options),
    }


def _listed(one: EnvironmentDefinition) -> str:
    names = f"{one.id} ({', '.join(one.aliases)})" if one.aliases else one.id
    properties = cast("Mapping[str, Mapping[str, Json]]", one.options.get("properties", {}))
    options = [f"    {name}: {_described(schema)}" for name, schema in properties.items()]
    return "\n".join([f"{names}  {one.replay.value}  {one.digest[:12]}  {one.summary}", *options])


def _described(schema: Mapping[str, Json]) -> str:
    choices = schema.get("enum")
    kind = " | ".join(map(str, choices)) if isinstance(choices, list) else str(schema.get("type", "any"))
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f" {low}..{high}" if low is not None or high is not None else ""
    default = f", default {schema['default']}" if "default" in schema else ""
    return f"{kind}{bounds}{default}" + (f". {schema['description']}" if "description" in schema else "")
