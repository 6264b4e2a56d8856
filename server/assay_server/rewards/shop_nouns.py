"""Which words of a product title are nouns.

WebShop asks spaCy's large English model, which weighs 800 MB. Here a tagger is a list of nouns, or, without one, a
rule: a word of letters is a noun unless it is a word of grammar or ends like an adjective or adverb. The two agree on
most titles and not on all, so rewards that are to equal WebShop's to the last digit need the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeAlias

NounTagger: TypeAlias = "Callable[[str], tuple[str, ...]]"
"""``title -> its nouns``, lower case, in order, repeats kept."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORDS_OF_GRAMMAR = """
    a an the and or nor but if of in on at to by for from with without into onto over under up down off out as than
    that this these those it its is are be was were not no all any each every both more most other your you our we
    i my me he she they them his her their new free easy ideal great perfect best
"""
_GRAMMAR = frozenset(_WORDS_OF_GRAMMAR.split())
_NOT_NOUN_ENDINGS = ("able", "ible", "ful", "less", "ous", "ive", "ly", "ed", "est")


def tagger_of(nouns: Collection[str]) -> NounTagger:
    """A tagger that takes a token as a noun where its lower-cased text is listed."""
    listed = frozenset(nouns)

    def tag(title: str) -> tuple[str, ...]:
        return tuple(word for token in _TOKEN.findall(title) if (word := token.lower()) in listed)

    return tag


def tag_by_rule(title: str) -> tuple[str, ...]:
    """The nouns of a title by the rule of this module."""
    return tuple(word for token in _TOKEN.findall(title) if _is_noun(word := token.lower()))


def _is_noun(word: str) -> bool:
    return word.isalpha() and len(word) > 1 and word not in _GRAMMAR and not word.endswith(_NOT_NOUN_ENDINGS)
