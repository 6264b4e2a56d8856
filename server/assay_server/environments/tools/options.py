"""What an episode is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from assay.sdk import Json
from assay_server.environments.option_values import refuse_unknown, share_of, text_of, whole_of
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.sql.bench import GENERATED as GENERATED_DATABASES
from assay_server.environments.tools.corpus import GENERATED
from assay_server.environments.tools.schemas import TOOLS
from assay_server.environments.tools.world import MOST_HOPS

Scoring = Literal["exact", "f1"]

OPTIONS: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "tools": {
            "type": "array",
            "items": {"enum": [*TOOLS]},
            "description": "those offered, and needed; by itself all, where one that this process lacks says so",
        },
        "corpus": {"type": "string", "default": GENERATED, "description": "where search looks and questions come from"},
        "split": {"type": "string", "default": "", "description": "of the corpus' questions; empty = all of them"},
        "question": {"type": "integer", "minimum": 0, "description": "which one; by itself drawn from the seed"},
        "hops": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_HOPS,
            "default": 0,
            "description": "documents that a question takes; 0 = any",
        },
        "dataSeed": {"type": "integer", "minimum": 0, "default": 0, "description": "of generated corpora and data"},
        "databases": {"type": "string", "default": GENERATED_DATABASES, "description": "a set, as sql's questions"},
        "database": {"type": "string", "default": "library", "description": "what the sql tool asks"},
        "scoring": {"enum": ["exact", "f1"], "default": "exact", "description": "of the answer"},
        "routingReward": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0,
            "description": "shared by the searches that ask a base which holds what is still to be found",
        },
        "results": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3, "description": "of a search"},
        "rows": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20, "description": "of a query"},
        "maxCalls": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 40},
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
    },
}
_PROPERTIES = cast("Mapping[str, Mapping[str, Json]]", OPTIONS["properties"])


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """The options of ``reset``, read.

    Attributes:
        needed: tools that were named; those of a process that lacks one are refused.
        question: None = drawn from the seed.
    """

    tools: tuple[str, ...]
    needed: bool
    corpus: str
    split: str
    question: int | None
    hops: int
    data_seed: int
    databases: str
    database: str
    scoring: Scoring
    routing_reward: float
    results: int
    rows: int
    max_calls: int
    max_steps: int


def read_options(options: Mapping[str, Json]) -> ToolOptions:
    """Read what ``reset`` is given. Raises InvalidOptions."""
    refuse_unknown(options, _PROPERTIES)
    scoring = _text("scoring", options)
    if scoring not in ("exact", "f1"):
        raise InvalidOptions("scoring", f"expected exact or f1, got {scoring[:80]!r}")
    return ToolOptions(
        tools=_tools(options),
        needed="tools" in options,
        corpus=_text("corpus", options),
        split=_text("split", options),
        question=_whole("question", options, 1 << 53) if "question" in options else None,
        hops=_whole("hops", options),
        data_seed=_whole("dataSeed", options, 1 << 53),
        databases=_text("databases", options),
        database=_text("database", options),
        scoring=scoring,
        routing_reward=share_of(options, "routingReward", 0),
        results=_whole("results", options),
        rows=_whole("rows", options),
        max_calls=_whole("maxCalls", options),
        max_steps=_whole("maxSteps", options),
    )


def _tools(options: Mapping[str, Json]) -> tuple[str, ...]:
    listed = options.get("tools", [*TOOLS])
    if (
        not isinstance(listed, list)
        or not all(one in TOOLS for one in listed)
        or len(set(map(str, listed))) < len(listed)
    ):
        raise InvalidOptions(
            "tools", f"expected a list of different ones of {', '.join(TOOLS)}, got {str(listed)[:80]}"
        )
    return tuple(one for one in TOOLS if one in listed)


def _text(name: str, options: Mapping[str, Json]) -> str:
    return text_of(options, name, _PROPERTIES[name].get("default"))


def _whole(name: str, options: Mapping[str, Json], most: int | None = None) -> int:
    schema = _PROPERTIES[name]
    most = cast("int", schema["maximum"]) if most is None else most
    return whole_of(options, name, schema.get("default"), cast("int", schema["minimum"]), most)
