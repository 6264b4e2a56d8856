"""Answers with characters lost, doubled and mixed up: a verdict or a status comes back, and the same one again."""

from __future__ import annotations

import random

import pytest

from assay.sdk import Sample, Unscorable
from assay_server.rewards.verify_math import math_quick

from .test_competition import ENTRIES

POOL = [text for entry in ENTRIES for text in (entry.reference, *entry.right, *entry.wrong)]
SINGLE = list("{}()[]^_+-*/=<>,;:|!%°xei01.&∞√²½$ ")
COMMANDS = [f"\\{name}" for name in ("frac", "sqrt", "le", "pm", "cup", "{", "}", "%", "$", "pi", "text{", "\\", "!")]
STRUCTURES = ["\\begin{cases}", "\\end{cases}", "\\begin{pmatrix}", "\\end{pmatrix}", "\\sum_{k=1}^{n}", "\\int_0^1"]
FUNCTIONS = [f"\\{name}" for name in ("sin", "log", "pmod{7}", "in", "mathbb{R}", "over", "choose", "mathbf{i}", "max")]
WORDS = ["...", "or", "and", "(a)", "(B)", "half", "twelve", "cm", "1e9", "10^{10}", "f(x)", "mod", "**", "_{10}C_3"]
PIECES = [*SINGLE, *COMMANDS, *STRUCTURES, *FUNCTIONS, *WORDS]
SAID = (0.0, 1.0, None, "REFERENCE_MISSING", "REFERENCE_UNPARSEABLE", "PREDICTION_UNPARSEABLE")


def mangled(generator: random.Random, text: str) -> str:
    for _ in range(generator.randint(1, 4)):
        at = generator.randint(0, len(text))
        kind = generator.randrange(4)
        if kind == 0:
            text = text[:at] + generator.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + generator.randint(1, 4) :]
        elif kind == 2:
            text = text[:at] + generator.choice(POOL)[:30] + text[at:]
        else:
            text = text[:at] + text[at // 2 :]
    return text[:1000]


def said(text: str, reference: str) -> float | str | None:
    try:
        score = math_quick(Sample("r", f"\\boxed{{{text}}}", {"answer": reference}))
    except Unscorable as error:
        return error.reason
    return None if score is None else score.value


@pytest.mark.parametrize("seed", range(10))
def test_mangled_answers_get_a_verdict_or_a_status(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(250):
        reference = generator.choice(POOL)
        text = mangled(generator, generator.choice((reference, generator.choice(POOL))))
        wanted = mangled(generator, reference) if generator.random() < 0.3 else reference
        assert said(text, wanted) in SAID, (text, wanted)
