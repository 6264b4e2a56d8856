"""The 25 families of instructions by the ids of the public data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from assay_server.rewards.instructions import contents, formats
from assay_server.rewards.instructions.arguments import Arguments

Check: TypeAlias = Callable[[str, Arguments], str]
"""Why a response does not follow; empty where it does."""

FAMILIES: Mapping[str, Check] = {
    "keywords:existence": contents.existence,
    "keywords:frequency": contents.frequency,
    "keywords:forbidden_words": contents.forbidden_words,
    "keywords:letter_frequency": contents.letter_frequency,
    "language:response_language": contents.response_language,
    "length_constraints:number_sentences": contents.number_sentences,
    "length_constraints:number_paragraphs": contents.number_paragraphs,
    "length_constraints:number_words": contents.number_words,
    "length_constraints:nth_paragraph_first_word": contents.nth_paragraph_first_word,
    "detectable_content:number_placeholders": contents.number_placeholders,
    "detectable_content:postscript": contents.postscript,
    "detectable_format:number_bullet_lists": formats.number_bullet_lists,
    "detectable_format:constrained_response": formats.constrained_response,
    "detectable_format:number_highlighted_sections": formats.number_highlighted_sections,
    "detectable_format:multiple_sections": formats.multiple_sections,
    "detectable_format:json_format": formats.json_format,
    "detectable_format:title": formats.title,
    "combination:two_responses": formats.two_responses,
    "combination:repeat_prompt": formats.repeat_prompt,
    "startend:end_checker": formats.end_checker,
    "startend:quotation": formats.quotation,
    "change_case:capital_word_frequency": formats.capital_word_frequency,
    "change_case:english_capital": formats.english_capital,
    "change_case:english_lowercase": formats.english_lowercase,
    "punctuation:no_comma": formats.no_comma,
}
