"""Every family of instructions: answers that follow, answers that do not, and where strict and loose differ."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json, Sample, Score, Unscorable, Verdict
from assay_server.rewards.instructions.families import FAMILIES
from assay_server.rewards.instructions.ifeval import ifeval
from assay_server.rewards.instructions.words import sentences


def score(response: str, *pairs: tuple[str, dict[str, Json]], **parameters: object) -> Score:
    reference: dict[str, Json] = {
        "instruction_id_list": [name for name, _ in pairs],
        "kwargs": [arguments for _, arguments in pairs],
    }
    return ifeval.function(Sample("r", response, reference), **parameters)


def follows(response: str, family: str, arguments: dict[str, Json], mode: str = "strict") -> bool:
    judged = score(response, (family, arguments), mode=mode)
    assert judged.verdict is (Verdict.CORRECT if judged.value else Verdict.INCORRECT)
    return judged.value == 1.0


FOURTEEN = "The river rose all night. By morning the bridge had gone. Nobody had crossed it."
JSON_FENCE = '```json\n{"name": "Ada", "born": 1815}\n```'
TWO = "Keep it in the fridge.\n******\nEat it today."
GERMAN = "Die Katze schläft auf dem Sofa und träumt von einer großen Maus."
SECTIONS = "SECTION 1\nWe begin here.\n\nSECTION 2\nWe end here."

CASES: dict[str, tuple[dict[str, Json], tuple[str, str, str], tuple[str, str, str]]] = {
    "keywords:existence": (
        {"keywords": ["harbour", "C++"]},
        ("The harbour runs on C++.", "C++ at the HARBOUR!", "He said “harbour”, then (C++)."),
        ("The harbour is closed.", "Harbourmaster and C++", "C+ at the harbour"),
    ),
    "keywords:frequency": (
        {"keyword": "art", "frequency": 2, "relation": "at least"},
        ("Art is art.", "art, art and more art", "*Art* for art's sake"),
        ("Start with a part of art.", "art", "The party started."),
    ),
    "keywords:forbidden_words": (
        {"forbidden_words": ["bad", "no way"]},
        ("A badge of honour.", "No. Way too far.", "All is good."),
        ("Not BAD at all.", "There is no  way back.", "a bad, bad thing"),
    ),
    "keywords:letter_frequency": (
        {"letter": "E", "let_frequency": 3, "let_relation": "at least"},
        ("Eleven bees", "e e e", "EEE"),
        ("Two bees", "", "éé e e"),
    ),
    "language:response_language": (
        {"language": "de"},
        (GERMAN, "Guten Tag, wie geht es Ihnen heute?", "Das ist ein Test.\nEr gelingt."),
        ("The cat sleeps on the sofa.", f"{GERMAN}\nBut this line is in plain English.", "Le chat dort sur le canapé."),
    ),
    "length_constraints:number_sentences": (
        {"num_sentences": 3, "relation": "at least"},
        (FOURTEEN, "Dr. Smith came. He sat! Why?", "One is here. Two is there... Three is gone"),
        (
            "Mr. J. Smith paid 3.50 at 5 p.m. and left.",
            "One sentence. Two sentences.",
            "e.g. this, i.e. that, etc. and so on.",
        ),
    ),
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ("One here.\n***\nTwo here.", "One\n\n***\n\nTwo", "***Bold*** one.\n *** \nTwo."),
        ("One.\n\nTwo.", "One\n***\nTwo\n***\nThree", "One\n***\n***\nTwo"),
    ),
    "length_constraints:number_words": (
        {"num_words": 5, "relation": "less than"},
        ("It's a well-known fact.", "one two three four", "**one** - two"),
        ("one two three four five", "It is a well known fact", FOURTEEN),
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "However"},
        ("All went well.\n\nHowever, it rained.", "A\n \n**however** b", "A\n\n\n\n\"However\" it is"),
        ("However, one.\n\nTwo.", "A\n\nHowever b\n\nC", "A\n\nHoweverly b"),
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ("Dear [name], come to [address].", "[a] [b] [c]", "[first name][last name]"),
        ("Dear [name], come.", "See [1] and [ ] and []", "[link](http://a.b) and [name]"),
    ),
    "detectable_content:postscript": (
        {"postscript_marker": "P.S."},
        ("Bye.\n\nP.S. Bring cake.", "Bye.\n**P.S.** Bring cake.", "Bye. p. s. Bring cake."),
        ("Bye.", "The U.P.S. man came.", "Bye.\n\nP.S."),
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ("* one\n* two", "Intro:\n- one\n- two\nOutro", "* *one*\n\n  * two\n---"),
        ("* one\n* two\n* three", "*one* is\n*two* is", "-5 degrees\n- cold"),
    ),
    "detectable_format:constrained_response": (
        {},
        ("My answer is yes.", "I thought about it. My answer is no.", "My answer is maybe. Sorry."),
        ("Yes.", "My answer is yes. My answer is no.", "my answer is yes"),
    ),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ("*one* and *two*", "**one** and *two*", "* item with *one*\n* item with ***two***"),
        ("*one* and two", "2 * 3 * 4 * 5", "** ** and *one*"),
    ),
    "detectable_format:multiple_sections": (
        {"section_spliter": "SECTION", "num_sections": 2},
        (SECTIONS, "## SECTION 1: a\nb\n## SECTION 2: c", "**SECTION 1**\nx\n**SECTION 2**\ny\nSECTION 3"),
        ("SECTION 1\nAs SECTION 2 of the law says.", "Part 1\nPart 2", "SECTION 1\nx\nSECTION 1\ny"),
    ),
    "detectable_format:json_format": (
        {},
        (JSON_FENCE, '[1, 2, {"a": null}]', '```\n{"a": []}\n```'),
        ("{'a': 1}", '{"a": NaN}', '"just a text"'),
    ),
    "detectable_format:title": (
        {},
        ("<<Spring>>\nIt rains.", "It rains. <<A title>>", "**<<Spring>>**"),
        ("<Spring>\nIt rains.", "<<>> <<  >>", "<<Spring\nis here>>"),
    ),
    "combination:two_responses": (
        {},
        (TWO, "A******B", "******\nOne.\n\n******\nTwo."),
        ("Keep it.\n***\nEat it.", "Same.\n******\nsame.", "A\n******\nB\n******\nC"),
    ),
    "combination:repeat_prompt": (
        {"prompt_to_repeat": "Write a poem\nabout rain."},
        ("Write a poem about rain.\n\nDrip.", "write a poem\nabout rain. Drip", "Write a poem\nabout rain."),
        ("Drip.\nWrite a poem about rain.", "Write a poem about snow.", "Write the poem about rain."),
    ),
    "startend:end_checker": (
        {"end_phrase": "Any other questions?"},
        ("Done. Any other questions?", '"Done. Any other questions?"', "any OTHER questions?\n"),
        ("Any other questions? Bye.", "Done. Any questions?", "Many other questions?"),
    ),
    "startend:quotation": (
        {},
        ('"All of it."', "“All of it.”", '"He said "no" to us."'),
        ('"Yes" and "no"', 'All "of" it', '"All of it.'),
    ),
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        ("NASA and ESA", "STOP it NOW", "A COVID-19 ward in the USA"),
        ("I think I am right", "STOP it", "Nasa And Esa"),
    ),
    "change_case:english_capital": (
        {},
        ("THE CAT SLEEPS ON THE SOFA.", "YES.", "IT IS 5 O'CLOCK IN LONDON!"),
        ("The cat sleeps.", GERMAN.upper(), "123 456"),
    ),
    "change_case:english_lowercase": (
        {},
        ("the cat sleeps on the sofa.", "yes.", "it is 5 o'clock in london!"),
        ("The cat sleeps.", GERMAN.lower(), ""),
    ),
    "punctuation:no_comma": (
        {},
        ("No marks here at all.", "One; two: three.", "3.5 and 4'000"),
        ("Yes, indeed.", "1,000", "是，的"),
    ),
}  # fmt: skip

# Where a line or asterisks are the difference. Placeholders and highlights do not stand here: what loose takes away
# never makes one, since both lie within a line and asterisks are no part of a placeholder and all of a highlight.
LOOSE: dict[str, tuple[dict[str, Json], str]] = {
    "keywords:existence": ({"keywords": ["rainbow"]}, "A rain*bow*."),
    "keywords:frequency": ({"keyword": "sure", "frequency": 1, "relation": "less than"}, "Sure!\nIt rains."),
    "keywords:forbidden_words": ({"forbidden_words": ["sure"]}, "Sure!\nIt rains."),
    "keywords:letter_frequency": ({"letter": "u", "let_frequency": 1, "let_relation": "less than"}, "Sure!\nIt rains."),
    "language:response_language": ({"language": "de"}, f"Sure, here is the answer in German:\n{GERMAN}"),
    "length_constraints:number_sentences": ({"num_sentences": 2, "relation": "less than"}, "Sure!\nIt rains today."),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "Here it is:\n***\nOne\n***\nTwo"),
    "length_constraints:number_words": ({"num_words": 3, "relation": "less than"}, "Here it is:\nIt rains."),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "One"}, "Here it is:\n\nOne.\n\nTwo."),
    "detectable_content:postscript": ({"postscript_marker": "P.P.S"}, "Bye.\nP.*P*.S. More."),
    "detectable_format:number_bullet_lists": ({"num_bullets": 1}, "- Sure, here it is:\n- one"),
    "detectable_format:constrained_response": ({}, "My answer is **yes**."),
    "detectable_format:multiple_sections": ({"section_spliter": "Day", "num_sections": 1}, "D*ay* 1\nWalk."),
    "detectable_format:json_format": ({}, 'Here it is:\n{"a": 1}'),
    "detectable_format:title": ({}, "<*<Spring>*>\nIt rains."),
    "combination:two_responses": ({}, "Here are two:\n******\nOne.\n******\nTwo."),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say rain."}, "The request:\nSay rain.\nRain."),
    "startend:end_checker": ({"end_phrase": "The end."}, "It rains. The end.\nAnything else?"),
    "startend:quotation": ({}, 'Here it is:\n"It rains."'),
    "change_case:capital_word_frequency": ({"capital_frequency": 1, "capital_relation": "less than"}, "NOTE:\nRain."),
    "change_case:english_capital": ({}, "Here it is:\nTHE RAIN FALLS ON THE TOWN."),
    "change_case:english_lowercase": ({}, "Here it is:\nthe rain falls on the town."),
    "punctuation:no_comma": ({}, "Sure, here it is:\nIt rains."),
}  # fmt: skip


def test_every_family_has_its_cases() -> None:
    assert len(FAMILIES) == 25
    assert CASES.keys() == FAMILIES.keys()
    never = {"detectable_content:number_placeholders", "detectable_format:number_highlighted_sections"}
    assert LOOSE.keys() == FAMILIES.keys() - never


@pytest.mark.parametrize("family", CASES)
def test_answers_that_follow_and_answers_that_do_not(family: str) -> None:
    arguments, right, wrong = CASES[family]
    assert [follows(text, family, arguments) for text in right] == [True] * 3
    assert [follows(text, family, arguments) for text in wrong] == [False] * 3
    assert all(follows(text, family, arguments, "loose") for text in right)


@pytest.mark.parametrize("family", LOOSE)
def test_where_strict_and_loose_differ(family: str) -> None:
    arguments, response = LOOSE[family]
    assert not follows(response, family, arguments)
    assert follows(response, family, arguments, "loose")


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["[a]", "[", "]", "*", "b", "(x)", " ", "\n", "**", "[*c*]"]), max_size=12).map("".join)
)
def test_what_loose_takes_away_makes_no_placeholder_and_no_highlight(response: str) -> None:
    keys = {"content:number_placeholders": "num_placeholders", "format:number_highlighted_sections": "num_highlights"}
    for name, key in keys.items():
        if follows(response, f"detectable_{name}", {key: 1}, "loose"):
            assert follows(response, f"detectable_{name}", {key: 1})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (
            "Hello there! I'm Bob.\n\nThings to do:\n1. Wash the car.\n2. Feed the cat.\n\nSee you at 3 p.m. then. Bye",
            6,
        ),
        ('# Title\nIt rains. "Stop!" he cried. Really?! Yes... maybe. J.R.R. Tolkien lived in the U.S. in 1937.', 5),
        ("He lives in the U.S. They do not. Am I right? So am I. Good.", 5),
        ("今日は雨です。明日は晴れです。", 2),
        ("", 0),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert sentences(text) == count


def test_credit_components_and_constraints() -> None:
    nothing: dict[str, Json] = {}
    pairs = (("punctuation:no_comma", nothing), ("detectable_format:title", nothing), ("punctuation:no_comma", nothing))
    judged = score("No title", *pairs, credit="fraction")
    assert judged.value == pytest.approx(2 / 3)
    assert judged.verdict is Verdict.INCORRECT
    assert dict(judged.components) == {
        "punctuation:no_comma": 1.0,
        "detectable_format:title": 0.0,
        "punctuation:no_comma#2": 1.0,
        "fraction": pytest.approx(2 / 3),
    }
    assert dict(judged.constraints) == {
        "punctuation:no_comma": True,
        "detectable_format:title": False,
        "punctuation:no_comma#2": True,
    }
    assert judged.evidence is not None
    assert "no title" in judged.evidence.reason
    assert score("No title", *pairs).value == 0.0


def test_thoughts_are_no_part_and_nothing_said_follows_nothing() -> None:
    pair: tuple[str, dict[str, Json]] = ("punctuation:no_comma", {})
    assert score("<think>well, hm</think>No comma here.", pair).value == 1.0
    for response in ("", "  \n", "<think>never, closed", "<think>x</think> "):
        assert score(response, pair).value == 0.0


def test_public_tables_hold_every_argument_and_numbers_as_floats() -> None:
    arguments: dict[str, Json] = {"num_words": 2.0, "relation": "at least", "keyword": None, "letter": None}
    assert follows("two words", "length_constraints:number_words", arguments)


UNREADABLE: list[dict[str, Json]] = [
    {},
    {"instruction_id_list": []},
    {"instruction_id_list": ["punctuation:no_commas"]},
    {"instruction_id_list": [7]},
    {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
    {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [7]},
    {"instruction_id_list": ["keywords:existence"], "kwargs": [{}]},
    {"instruction_id_list": ["keywords:existence"], "kwargs": [{"keywords": [""]}]},
    {"instruction_id_list": ["keywords:letter_frequency"], "kwargs": [{"letter": "ab"}]},
    {"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "tlh"}]},
    {
        "instruction_id_list": ["length_constraints:number_words"],
        "kwargs": [{"num_words": 2.5, "relation": "at least"}],
    },
    {
        "instruction_id_list": ["length_constraints:number_words"],
        "kwargs": [{"num_words": 2, "relation": "around"}],
    },
]


@pytest.mark.parametrize("reference", UNREADABLE)
@pytest.mark.parametrize("response", ["It rains.", ""])
def test_a_reference_that_cannot_be_read_is_no_zero(reference: dict[str, Json], response: str) -> None:
    with pytest.raises(Unscorable) as caught:
        ifeval.function(Sample("r", response, reference))
    assert caught.value.reason in ("REFERENCE_MISSING", "REFERENCE_UNPARSEABLE")
    assert caught.value.field.startswith("reference.")


def test_only_long_responses_need_a_worker() -> None:
    quick = ifeval.quick
    assert quick is not None
    plain: dict[str, Json] = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    telling: dict[str, Json] = {"instruction_id_list": ["change_case:english_capital"], "kwargs": [{}]}
    assert quick(Sample("r", "Rain", plain), mode="strict", credit="all") is not None
    assert quick(Sample("r", "Rain" * 10_000, plain), mode="strict", credit="all") is None
    assert quick(Sample("r", "RAIN", telling), mode="strict", credit="all") is not None


@pytest.mark.parametrize(
    ("family", "arguments"), [(family, CASES[family][0]) for family in sorted(CASES) if "language" not in family]
)
@pytest.mark.parametrize(
    "text",
    ["*" * 50_000, "[" * 50_000, "\n " * 30_000, "a. " * 20_000, "<<" * 30_000, '"' * 50_000, "SECTION " * 8000,
     "P.S" * 20_000, "``` " * 12_000, "{" * 50_000, "- " * 25_000, " " * 60_000 + "x", "\t#" * 25_000],
)  # fmt: skip
def test_odd_texts_are_judged(family: str, arguments: dict[str, Json], text: str) -> None:
    judged = score(text, (family, arguments), mode="strict")
    assert judged.value in (0.0, 1.0)
