"""Words, choice letters, yes and no, answers in parts.

Different by construction: every edit changes a value, a letter, a label or a name that matters.
"""

# ruff: noqa: E501 - a case a line reads best

from __future__ import annotations

import random

from .cases import Case, distinct, form, frac, proper, squarefree

WORDS = [
    "Monday",
    "Tuesday",
    "blue",
    "red",
    "Alice",
    "Robert",
    "parabola",
    "ellipse",
    "increasing",
    "north",
    "triangle",
    "equilateral",
    "Paris",
    "even",
    "odd",
    "obtuse",
    "acute",
    "hexagon",
    "circle",
    "tetrahedron",
]


@form("text")
def text(rng: random.Random) -> Case:
    word, other = rng.sample(WORDS, 2)
    equal = [
        word.lower(),
        word.upper(),
        f"\\text{{{word}}}",
        f"\\textbf{{{word}}}",
        f"{word}.",
        f"\\mathrm{{{word}}}",
        f" {word} ",
        f"\\text{{ {word} }}",
        f"**{word}**",
    ]
    return Case(
        word,
        equal,
        [
            other,
            f"not {word}",
            f"{word} or {other}",
            f"{word}, {other}",
            word[:-1],
            f"{word}{other}",
            f"neither {word} nor {other}",
            f"\\text{{{other}}}",
        ],
    )


@form("list of words")
def list_of_words(rng: random.Random) -> Case:
    first, second, third, other = rng.sample(WORDS, 4)
    base = f"{first}, {second}, {third}"
    equal = [
        f"{third}, {first}, {second}",
        f"{second}, {third} and {first}",
        f"{first}, {second}, and {third}",
        f"\\text{{{first}, {second}, {third}}}",
        base.lower(),
    ]
    return Case(
        base,
        equal,
        [f"{first}, {second}", f"{first}, {second}, {other}", f"{base}, {other}", first, f"{first}, {first}, {third}"],
    )


@form("choice")
def choice(rng: random.Random) -> Case:
    letter, other = rng.sample("ABCDEFGHIJ", 2)
    style = rng.choice(["{}", "({})", "\\text{{({})}}", "\\textbf{{({})}}", "\\text{{{}}}", "\\mathrm{{({})}}", "{})"])
    equal = [
        f"({letter})",
        f"\\text{{{letter}}}",
        f"\\text{{({letter})}}",
        f"{letter}.",
        f"{letter})",
        f"\\textbf{{({letter})}}",
        f"\\mathrm{{{letter}}}",
        letter.lower(),
        f"Option {letter}",
    ]
    return Case(
        style.format(letter),
        equal,
        [
            other,
            f"({other})",
            f"{letter} or {other}",
            f"{letter}, {other}",
            f"\\text{{{other}}}",
            f"not {letter}",
            f"{letter}{other}",
        ],
    )


@form("choice with its value")
def choice_with_value(rng: random.Random) -> Case:
    letter, other = rng.sample("ABCDE", 2)
    value, wrong = rng.sample(range(2, 400), 2)
    shown = rng.choice([str(value), f"\\frac{{{value}}}{{{value + 1}}}", f"{value}\\sqrt{{2}}", f"({value},{wrong})"])
    equal = [
        letter,
        f"({letter})",
        shown,
        f"\\text{{({letter}) }}{shown}",
        f"({letter}) {shown}",
        f"{letter}) {shown}",
        f"\\textbf{{{letter}}}",
    ]
    return Case(
        f"\\textbf{{({letter})}}\\ {shown}",
        equal,
        [
            other,
            f"({other}) {shown}",
            f"({letter}) {wrong}",
            str(wrong),
            f"{letter} or {other}",
            f"({other})",
            f"{value}{wrong}",
        ],
    )


@form("parts")
def parts(rng: random.Random) -> Case:
    first, second, third = (str(n) for n in distinct(rng, 3))
    second = rng.choice([second, f"\\sqrt{{{squarefree(rng)}}}", frac(proper(rng))])
    equal = [
        f"(a) {first}, (b) {second}",
        f"(a) {first} (b) {second}",
        f"a) {first}; b) {second}",
        f"(a) ${first}$, (b) ${second}$",
        f"(b) {second}, (a) {first}",
        f"(a) {first}.0, (b) {second}",
    ]
    return Case(
        f"\\text{{(a) }}{first}\\text{{, (b) }}{second}",
        equal,
        [
            f"(a) {second}, (b) {first}",
            f"(a) {first}",
            first,
            f"(a) {first}, (b) {third}",
            f"(a) {first}, (c) {second}",
            f"(a) {first}, (b) {second}, (c) {third}",
        ],
    )


YES_NO = {"Yes": "No", "No": "Yes", "True": "False", "False": "True", "Even": "Odd", "Odd": "Even", "Convergent": "Divergent",
          "Divergent": "Convergent", "Increasing": "Decreasing", "Decreasing": "Increasing", "Positive": "Negative",
          "Negative": "Positive", "Rational": "Irrational", "Irrational": "Rational", "Always": "Never", "Never": "Always",
          "Possible": "Impossible", "Impossible": "Possible", "Independent": "Dependent", "Dependent": "Independent"}  # fmt: skip


@form("yes or no")
def yes_no(rng: random.Random) -> Case:
    word = rng.choice(sorted(YES_NO))
    other = YES_NO[word]
    style = rng.choice(["{}", "\\text{{{}}}", "\\textbf{{{}}}", "\\mathrm{{{}}}"])
    equal = [
        word.lower(),
        word.upper(),
        f"\\text{{{word}}}",
        f"{word}.",
        f"\\textbf{{{word}}}",
        f"\\text{{{word.lower()}}}",
        f"\\text{{{word}.}}",
    ]
    return Case(
        style.format(word),
        equal,
        [
            other,
            other.lower(),
            f"{word} or {other}",
            f"\\text{{{other}}}",
            "maybe",
            f"not {word}",
            f"{word} and {other}",
            f"neither {word} nor {other}",
        ],
    )
