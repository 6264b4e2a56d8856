"""WebShop's score of a bought product, from what was matched."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given
from assay_server.estimators.columns import LARGEST
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import number_in, whole_number

_FULL_REWARD = 10.0


@method(
    "reward/webshop_product-v1",
    reach="sample",
    inputs="query_match, category_match, title_score, price, price_upper, matched_attributes, attributes, "
    "matched_options, "
    "options",
    formula="task_score = type (matched_attributes + matched_options + price_ok) / (attributes + options + 1); reward "
    "= 10 "
    "if task_score = 1 else 0",
    edges="type: 1; 0.5 if neither query nor category matches and title <= 0.2; then 0.1 if title < 0.1; then 0 if "
    "title = "
    "0, whatever the query says. price_ok: price <= price_upper; without a bound: true. More matched than there are: "
    "refused.",
    source="WebShop",
)
def webshop_product(inputs: Mapping[str, Json]) -> Outputs:
    """How well the bought product is the one that was asked for."""
    title = number_in(inputs, "title_score", 0.0, 1.0)
    query, category = (boolean(given(inputs, name), name) for name in ("query_match", "category_match"))
    within = inputs.get("price_upper") is None or (
        number_in(inputs, "price", -LARGEST) <= number_in(inputs, "price_upper", -LARGEST)
    )
    kind = _type_factor(title, query or category)
    attributes, options = _matched(inputs, "attributes"), _matched(inputs, "options")
    met = attributes[0] + options[0] + int(within)
    score = kind * met / (attributes[1] + options[1] + 1)
    return {
        "type_factor": kind,
        "price_factor": 1.0 if within else 0.0,
        "task_score": score,
        "reward": _FULL_REWARD if score == 1.0 else 0.0,
    }


WEBSHOP_METHODS = table(webshop_product)


def _type_factor(title: float, matches: bool) -> float:
    if title == 0.0:
        return 0.0
    if title < 0.1:
        return 0.1
    return 0.5 if not matches and title <= 0.2 else 1.0


def _matched(inputs: Mapping[str, Json], name: str) -> tuple[int, int]:
    matched, total = whole_number(inputs, f"matched_{name}"), whole_number(inputs, name)
    if matched > total:
        raise InputError(f"matched_{name}", f"expected 0 to {total}, got {matched}")
    return matched, total
