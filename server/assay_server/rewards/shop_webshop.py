"""``shop/webshop``: what a purchase in WebShop is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from assay.sdk import Evidence, Json, Lane, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.shop_goods import UnreadableGoods, read_choice, read_goal, read_price, read_wares
from assay_server.rewards.shop_nouns import tag_by_rule, tagger_of
from assay_server.rewards.shop_purchase import NoWorth, Worth, strict_worth, webshop_worth
from assay_server.rewards.shop_similarity import Matcher

_INLINE_CHARACTERS = 32_768
_INLINE_PAIRS = 64
_INLINE_COMPARED = 200
_KEYS = ("goal", "product", "options", "price")


def _quick_webshop(
    sample: Sample,
    *,
    mode: Literal["webshop", "strict"] = "webshop",
    nouns: list[str] | None = None,
    matcher: Literal["difflib", "levenshtein", "rapidfuzz"] = "difflib",
) -> Score | None:
    """Small purchases on the loop: a page can be long, and comparing two texts takes the product of their lengths."""
    return _scored(sample, mode, nouns, matcher) if _is_small(sample.reference) else None


def _is_small(reference: Mapping[str, Json]) -> bool:
    goal, product = reference.get("goal"), reference.get("product")
    if not isinstance(goal, dict) or not isinstance(product, dict):
        return True  # which is refused at once
    pairs = ((goal.get("attributes"), product.get("Attributes")), (goal.get("goal_options"), reference.get("options")))
    compared = [text for pair in pairs for texts in pair for text in _texts_of(texts)]
    return (
        sum(len(_texts_of(wished)) * len(_texts_of(offered)) for wished, offered in pairs) <= _INLINE_PAIRS
        and max(map(len, compared), default=0) <= _INLINE_COMPARED
        and _characters(goal) + _characters(product) <= _INLINE_CHARACTERS
    )


def _texts_of(value: Json) -> list[str]:
    listed = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return [text for text in listed if isinstance(text, str)]


@reward(
    "shop/webshop-v1",
    bounds=(0.0, 1.0),
    lane=Lane.CPU,
    aliases=("webshop",),
    reference_keys=_KEYS,
    source="reward/webshop_product (Yao et al. 2022, WebShop, equation 1 and section 3.2)",
    quick=_quick_webshop,
)
def webshop(
    sample: Sample,
    *,
    mode: Literal["webshop", "strict"] = "webshop",
    nouns: list[str] | None = None,
    matcher: Literal["difflib", "levenshtein", "rapidfuzz"] = "difflib",
) -> Score:
    """``type * (attributes + options + price) / (goal attributes + goal options + 1)`` of a purchase; CORRECT at 1.

    Args:
        sample: its reference holds ``goal``, ``product`` (as WebShop holds it after loading), ``options`` (chosen
            value by name) and ``price`` in WebShop's field names; the response is not looked at.
        mode: ``strict`` closes what is loose in WebShop's formula: see :mod:`assay_server.rewards.shop_purchase`.
        nouns: the words that count as nouns in titles, lower case; None = a rule of thumb.
        matcher: the release of thefuzz that fuzzy matches follow (``webshop`` mode).

    Raises:
        Unscorable: the reference is not as described, or WebShop fails on it too (a goal without attributes, a price
            bound that is not positive).
    """
    return _scored(sample, mode, nouns, matcher)


def _scored(sample: Sample, mode: Literal["webshop", "strict"], nouns: list[str] | None, matcher: Matcher) -> Score:
    worth = _worth(sample.reference, mode, nouns, matcher)
    verdict = Verdict.CORRECT if worth.reward == 1.0 else Verdict.INCORRECT
    info = worth.info()
    detail: dict[str, Json] = {
        **info,
        "num_attr_matches": worth.attributes_found,
        "num_option_matches": worth.options_matched,
    }
    reason = (
        f"type {worth.kind.factor:g}; {worth.attributes_found} of {worth.num_attributes} attributes, "
        f"{worth.options_matched} of {worth.num_options} options, price {'kept' if worth.price_kept else 'exceeded'}"
    )
    evidence = Evidence(method=mode, reason=reason, layer="purchase", detail=detail)
    components = {name: float(value) for name, value in info.items() if name.startswith("r_")}
    return Score(worth.reward, verdict, evidence, components=components)


def _worth(
    reference: Mapping[str, Json], mode: Literal["webshop", "strict"], nouns: list[str] | None, matcher: Matcher
) -> Worth:
    missing = next((key for key in _KEYS if key not in reference), None)
    if missing is not None:
        message = f"the reference has no {missing!r}; a purchase is {{{', '.join(_KEYS)}}}"
        raise Unscorable("REFERENCE_MISSING", message, field=f"reference.{missing}")
    tag = tag_by_rule if nouns is None else tagger_of(nouns)
    try:
        goal, wares = read_goal(reference["goal"]), read_wares(reference["product"])
        price, choice = read_price(reference["price"]), read_choice(reference["options"])
        if mode == "strict":
            return strict_worth(wares, goal, price, choice, tag)
        return webshop_worth(wares, goal, price, choice, tag, matcher)
    except NoWorth as error:
        raise Unscorable(error.reason, str(error), field=f"reference.{error.field}") from error
    except UnreadableGoods as error:
        raise Unscorable("REFERENCE_UNPARSEABLE", str(error), field=f"reference.{error.field}") from error
    except ValueError as error:
        raise Unscorable("REFERENCE_UNPARSEABLE", str(error), field="reference") from error


def _characters(value: Json) -> int:
    """Of all texts in a value, deep ones included; no text is looked into."""
    waiting, total = [value], 0
    while waiting and total <= _INLINE_CHARACTERS:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
            total += len(item)
    return total
