"""Partial rewards of SQL from sets that a parser and an executor made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed, mapping, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError

_SOURCE = "Reasoning-SQL"
_PARTS = ("execution", "syntax", "schema", "ngram", "format", "judge")


@method(
    "reward/sql_schema_jaccard-v1",
    reach="sample",
    inputs="predicted, gold: tables and columns used, after aliases are resolved by a parser",
    formula="|P and G| / |P or G|",
    edges="Names are case-folded. Both empty: 1. One empty: 0.",
    source=_SOURCE,
)
def sql_schema_jaccard(inputs: Mapping[str, Json]) -> Outputs:
    """Overlap of the tables and columns that two queries use."""
    predicted, gold = _folded(inputs, "predicted"), _folded(inputs, "gold")
    return {"reward": _jaccard(set(predicted), set(gold))}


@method(
    "reward/sql_ngram_jaccard-v1",
    reach="sample",
    inputs="predicted, gold: tokens",
    formula="|P and G| / |P or G| of the sets of n consecutive tokens",
    edges="Tokens are case-folded. Both without n-grams: 1. One: 0.",
    source=_SOURCE,
)
def sql_ngram_jaccard(inputs: Mapping[str, Json], *, n: int = 2) -> Outputs:
    """Overlap of the n-grams of two queries."""
    require(n >= 1, "n", "an integer >= 1", n)
    predicted, gold = _folded(inputs, "predicted"), _folded(inputs, "gold")
    return {"reward": _jaccard(_ngrams(predicted, n), _ngrams(gold, n))}


@method(
    "reward/sql_partial-v1",
    reach="sample",
    inputs="components {execution, judge, syntax, schema, ngram, format}, each in [0, 1]",
    formula="sum of weight x component; the judge counts only where execution is 0",
    edges="Execution above 0: the judge's part is 0, and it may be left out or null. Another name, or a value outside "
    "[0, "
    "1]: refused.",
    source=_SOURCE,
    verify="the weights and the judge rule (reported)",
)
def sql_partial(
    inputs: Mapping[str, Json],
    *,
    execution: float = 3.0,
    judge: float = 2.0,
    syntax: float = 1.0,
    schema: float = 1.0,
    ngram: float = 1.0,
    format: float = 1.0,
) -> Outputs:
    """The weighted sum of what a query gets right."""
    components = mapping(given(inputs, "components"), "components")
    for name in components:
        if name not in _PARTS:
            raise InputError(f"components.{name}", f"expected one of {', '.join(_PARTS)}")
    values = {name: _share(components, name) for name in _PARTS if name != "judge"}
    values["judge"] = _share(components, "judge") if values["execution"] == 0.0 else 0.0
    weights = {
        "execution": execution,
        "syntax": syntax,
        "schema": schema,
        "ngram": ngram,
        "format": format,
        "judge": judge,
    }
    weighted = {name: weights[name] * values[name] for name in values}
    return {"weighted": dict(weighted), "reward": sum(weighted.values())}


SQL_METHODS = table(sql_schema_jaccard, sql_ngram_jaccard, sql_partial)


def _folded(inputs: Mapping[str, Json], name: str) -> list[str]:
    return [text(value, f"{name}[{place}]").casefold() for place, value in enumerate(listed(inputs, name))]


def _ngrams(tokens: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)}


def _jaccard(a: set[str] | set[tuple[str, ...]], b: set[str] | set[tuple[str, ...]]) -> float:
    joined = len(a | b)
    return len(a & b) / joined if joined else 1.0


def _share(components: Mapping[str, Json], name: str) -> float:
    value = number(given(components, name, "components."), f"components.{name}")
    if not 0.0 <= value <= 1.0:
        raise InputError(f"components.{name}", f"expected 0 to 1, got {value:g}")
    return value
