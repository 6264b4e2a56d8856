"""Pages of what can be named: rewards and environments, from their declarations."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from typing import cast

from assay.sdk import Json, RewardDefinition
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.rewards.catalogue import Nameable, builtin_catalogue

from .markdown import page, prose, table


def reward_page() -> str:
    """Every built-in reward."""
    definitions = sorted(builtin_catalogue().definitions(), key=lambda one: one.id)
    return page(
        "Rewards",
        "What a run, `assay score` and `Client.score` can name; an id without its version means the newest. "
        "[Rewards](../rewards.md) explains how they are put together; the lane says [where one runs](../plugins.md).",
        [reward_section(definition) for definition in definitions],
    )


def reward_section(definition: Nameable) -> str:
    """One reward."""
    facts: list[tuple[str, str]] = []
    if isinstance(definition, RewardDefinition):
        low, high = definition.minimum, definition.maximum
        facts = [
            ("aliases", ", ".join(f"`{alias}`" for alias in definition.aliases)),
            ("bounds", f"{number(low)} to {number(high)}" if math.isfinite(low + high) else "none"),
            ("lane", definition.lane.name.lower()),
            ("reads of the reference", ", ".join(f"`{key}`" for key in definition.reference_keys)),
            ("signals", ", ".join(f"`{name}`" for name in definition.required_signals)),
        ]
    told = "; ".join(f"{name}: {value}" for name, value in facts if value)
    parts = [f"## {definition.id}", prose(inspect.cleandoc(definition.doc)), told, parameters(definition)]
    return "\n\n".join(part for part in parts if part)


def parameters(definition: Nameable) -> str:
    """The table of a reward's parameters."""
    rows = [
        (f"`{one.name}`", described(one.schema), "must be given" if one.required else f"`{json.dumps(one.default)}`")
        for one in definition.parameters
    ]
    return table(("parameter", "type", "default"), rows)


def environment_page() -> str:
    """Every built-in environment."""
    definitions = sorted(builtin_environments().definitions(), key=lambda one: one.id)
    return page(
        "Environments",
        "What sessions, `make_vec` and `assay env` can name. [Environments](../environments.md) tells what they are.",
        [environment_section(definition) for definition in definitions],
    )


def environment_section(definition: EnvironmentDefinition) -> str:
    """One environment with its options."""
    options = cast("Mapping[str, Mapping[str, Json]]", definition.options.get("properties", {}))
    rows = [
        (f"`{name}`", described(schema), f"`{json.dumps(schema['default'])}`" if "default" in schema else "",
         str(schema.get("description", "")))
        for name, schema in options.items()
    ]  # fmt: skip
    aliases = ", ".join(f"`{alias}`" for alias in definition.aliases)
    told = "; ".join(
        part for part in (f"also called {aliases}" if aliases else "", f"replay: {definition.replay.value}") if part
    )
    parts = [f"## {definition.id}", definition.summary, told, table(("option", "type", "default", ""), rows)]
    return "\n\n".join(part for part in parts if part)


def described(schema: Mapping[str, Json]) -> str:
    """A JSON Schema in a few words."""
    if isinstance(choices := schema.get("enum"), list):
        return " or ".join(f"`{json.dumps(choice)}`" for choice in choices)
    if isinstance(either := schema.get("anyOf"), list):
        return " or ".join(described(cast("Mapping[str, Json]", one)) for one in either)
    kind = schema.get("type", "any")
    text = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return " ".join([text, *bounds])


def number(value: float) -> str:
    """Without a needless fraction."""
    return f"{value:g}"
