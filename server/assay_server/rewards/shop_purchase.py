"""What a purchase is worth to a goal: WebShop's formula (Yao et al. 2022, section 3.2), and a strict one.

WebShop: ``type * (attributes found + options matched + price kept) / (attributes + options + 1)`` of the goal. What is
loose in it, and how the strict one closes it:

* Words that are a subset of another text's words match it fully ("large" is "x-large"), misspelt ones too. Strict: the
  same words.
* A colour is the first of a list that occurs anywhere in the text ("dark blue" and "navy blue" are both "blue",
  "tangerine" is "tan"). Strict: the same value.
* Any chosen option may meet any wished one, and one may meet several. Strict: an option meets the one of its name, and
  each choice counts once.
* Attributes are looked for as substrings of the page ("oil" in "foil"). Strict: as whole words.
* Two shared labels anywhere in two category paths are the same category. Strict: equal from the top, at least two, and
  at most one level short of the goal's.
* One title noun in five makes it the right type, and none makes the right product worth 0. Strict: the goal's own
  product, search query or category is the right type; half of the goal title's nouns are half right; nothing else is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assay_server.rewards.shop_colours import colour_of, colour_of_pair
from assay_server.rewards.shop_goods import Goal, Wares
from assay_server.rewards.shop_nouns import NounTagger
from assay_server.rewards.shop_similarity import Matcher, texts_match

NO_PRICE_BOUND = 1_000_000
"""What WebShop writes where any price will do."""

_CATEGORY_SEPARATOR = "›"
_NO_WORD = re.compile(r"\W+")
_HALF = 0.5


class NoWorth(ValueError):
    """The formula has no value: WebShop fails here as well.

    Attributes:
        reason: ``GOAL_WITHOUT_ATTRIBUTES`` (it divides by zero) or ``GOAL_WITHOUT_PRICE_BOUND`` (a bound that is not
            positive).
        field: what is wrong.
    """

    def __init__(self, reason: str, message: str, field: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


@dataclass(frozen=True, slots=True)
class Kind:
    """How well the type of a product fits.

    Attributes:
        factor: what the rest is multiplied with, in [0, 1].
        title_score: share of the goal title's nouns that the product's title has; 0.2 where it has none.
    """

    factor: float
    query_match: bool
    category_match: bool
    title_score: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What a purchase is worth, with its parts.

    Attributes:
        reward: in [0, 1].
    """

    reward: float
    kind: Kind
    num_attributes: int
    attributes_found: int
    num_options: int
    options_matched: int
    price_kept: bool

    @property
    def parts(self) -> int:
        """What the sum is divided by."""
        return self.num_attributes + self.num_options + 1

    def info(self) -> dict[str, float | bool]:
        """WebShop's ``info``, in its names; ``r_option`` and ``w_option`` are absent where no option is wished."""
        info: dict[str, float | bool] = {
            "r_type": self.kind.factor,
            "r_att": self.attributes_found / self.num_attributes,
            "w_att": self.num_attributes / self.parts,
            "query_match": self.kind.query_match,
            "category_match": self.kind.category_match,
            "title_score": self.kind.title_score,
        }
        if self.num_options:
            info["r_option"] = self.options_matched / self.num_options
            info["w_option"] = self.num_options / self.parts
        info["r_price"] = self.price_kept
        info["w_price"] = 1 / self.parts
        return info


def webshop_worth(
    wares: Wares,
    goal: Goal,
    price: float,
    choice: Mapping[str, str],
    tag: NounTagger,
    matcher: Matcher = "difflib",
) -> Worth:
    """WebShop's reward of a purchase, digit by digit.

    Raises:
        NoWorth: WebShop fails on this goal.
        ValueError: a text to compare is too long.
    """
    kind = _kind(wares, goal, tag)
    return _worth(
        kind,
        goal,
        price,
        lambda: sum(_attribute_found(wares, wished, matcher) for wished in goal.attributes),
        lambda: _options_matched(goal, choice, matcher),
    )


def strict_worth(wares: Wares, goal: Goal, price: float, choice: Mapping[str, str], tag: NounTagger) -> Worth:
    """The same sum without the looseness that this module lists; 1 only for what was really asked for.

    Raises:
        NoWorth: the goal has no attribute, or a price bound that is not positive.
    """
    text = _spaced("\n".join((wares.title, wares.bullets, wares.description)))
    listed = {frozenset(_spaced(attribute).split()) for attribute in wares.attributes}

    def attributes_found() -> int:
        return sum(
            frozenset(_spaced(wished).split()) in listed or (bool(wished.strip()) and _spaced(wished) in text)
            for wished in goal.attributes
        )

    return _worth(_strict_kind(wares, goal, tag), goal, price, attributes_found, lambda: _strict_options(goal, choice))


def _worth(
    kind: Kind, goal: Goal, price: float, attributes_found: Callable[[], int], options_matched: Callable[[], int]
) -> Worth:
    if not goal.attributes:
        raise NoWorth("GOAL_WITHOUT_ATTRIBUTES", "the goal has no attributes: their share is 0 / 0", "goal.attributes")
    if goal.price_upper <= 0:
        message = f"the goal's price_upper must be positive ({NO_PRICE_BOUND} = no bound), got {goal.price_upper}"
        raise NoWorth("GOAL_WITHOUT_PRICE_BOUND", message, "goal.price_upper")
    found, matched, kept = attributes_found(), options_matched(), price <= goal.price_upper
    reward = (found + matched + kept) / (len(goal.attributes) + len(goal.options) + 1) * kind.factor
    return Worth(reward, kind, len(goal.attributes), found, len(goal.options), matched, kept)


def _kind(wares: Wares, goal: Goal, tag: NounTagger) -> Kind:
    query_match = wares.query == goal.query
    category_match = len(set(_category(wares.product_category)) & set(_category(goal.product_category))) >= 2
    title_score = _title_score(wares, goal, tag)
    factor = 1.0 if query_match or category_match or title_score > 0.2 else 0.5
    if title_score == 0.0:
        factor = 0.0
    elif title_score < 0.1:
        factor = 0.1
    return Kind(factor, query_match, category_match, title_score)


def _title_score(wares: Wares, goal: Goal, tag: NounTagger) -> float:
    wished = tag(goal.name)
    return len(set(tag(wares.name)) & set(wished)) / len(wished) if wished else 0.2


def _category(path: str) -> list[str]:
    return [label.strip() for label in path.split(_CATEGORY_SEPARATOR)]


def _attribute_found(wares: Wares, wished: str, matcher: Matcher) -> bool:
    return (
        any(texts_match(attribute, wished, matcher) for attribute in wares.attributes)
        or wished in wares.title.lower()
        or wished in wares.bullets.lower()
        or wished in wares.description.lower()
    )


def _options_matched(goal: Goal, choice: Mapping[str, str], matcher: Matcher) -> int:
    chosen = [colour_of(value) for value in choice.values()]
    return sum(any(texts_match(value, wished, matcher) for value in chosen) for wished in _wished_options(goal))


def _wished_options(goal: Goal) -> list[str]:
    if isinstance(goal.options, tuple):
        return [colour_of(value) for value in goal.options]
    # WebShop hands the pair itself to its colour rule and, as Python writes a pair, to the fuzzy match.
    return [colour_of_pair(*pair) or str(pair) for pair in goal.options.items()]


def _strict_kind(wares: Wares, goal: Goal, tag: NounTagger) -> Kind:
    query_match = wares.query == goal.query
    ours, theirs = _category(wares.product_category), _category(goal.product_category)
    shared = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(ours))
    category_match = min(shared, len(theirs)) >= max(2, len(theirs) - 1)
    wished = set(tag(goal.name))
    title_score = len(set(tag(wares.name)) & wished) / len(wished) if wished else 0.0
    if query_match or category_match or (goal.asin and goal.asin == wares.asin):
        return Kind(1.0, query_match, category_match, title_score)
    return Kind(_HALF if title_score >= _HALF else 0.0, query_match, category_match, title_score)


def _strict_options(goal: Goal, choice: Mapping[str, str]) -> int:
    if isinstance(goal.options, tuple):
        wished, chosen = Counter(map(_folded, goal.options)), Counter(map(_folded, choice.values()))
        return (wished & chosen).total()
    by_name = {_folded(name): _folded(value) for name, value in choice.items()}
    return sum(by_name.get(_folded(name)) == _folded(value) for name, value in goal.options.items())


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _spaced(text: str) -> str:
    """The words of a text with one space before, between and after them."""
    return f" {_NO_WORD.sub(' ', text.casefold()).strip()} "
