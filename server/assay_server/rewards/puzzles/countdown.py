"""``puzzles/countdown``: an expression of given numbers that makes a target; also the game of 24."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.expressions import Expression, expressions_in
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, whole_number, wrong

LAYER = "countdown"
_LARGEST = 10**9
_MOST_NUMBERS = 12
_LEVELS = ((3, 10, 50), (3, 25, 100), (4, 50, 100), (5, 100, 500), (6, 100, 999))
"""How many numbers, the largest of them, the largest target."""
LEVELS = len(_LEVELS)

CARD_LEVELS = 3


@reward(
    "puzzles/countdown-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("puzzles/twenty-four",),
    reference_keys=("numbers", "target", "use"),
    source="Countdown as in TinyZero; the game of 24 as in RL4VLM's Points24",
)
def countdown(sample: Sample) -> Score:
    """1 where the answer is one expression of the ``numbers`` that is exactly ``target``, else 0.

    Each number is used once (``use`` ``all``, the default) or at most once (``any``); there are ``+ - * /``, brackets
    and no other numbers. Of ``a = b = c`` the first expression is judged; ``a = 25`` where it is 24 is wrong. Two
    expressions are no answer.
    """
    numbers, target, use = _puzzle(sample)
    found = final_answer(sample)
    expression = None if found is None else _answer(found)
    if found is None or expression is None:
        return wrong(found, "no expression, or more than one", LAYER, readable=0.0)
    over = Counter(expression.numbers) - Counter(numbers)
    left = Counter(numbers) - Counter(expression.numbers)
    if over or (left and use == "all"):
        amiss = f"has {sorted(over.elements())} too many" if over else f"leaves out {sorted(left.elements())}"
        return wrong(found, amiss, LAYER, expression.text, readable=1.0)
    reason = f"{expression.text} = {expression.value}"
    if expression.claimed is not None:
        return wrong(found, f"{reason}, not {expression.claimed}", LAYER, expression.text, readable=1.0)
    if expression.value != target:
        return wrong(found, reason, LAYER, expression.text, readable=1.0)
    return right(found, expression.text, reason, LAYER, readable=1.0)


def _puzzle(sample: Sample) -> tuple[list[int], int, str]:
    held = sample.reference.get("numbers", sample.reference.get("nums"))
    if not isinstance(held, list) or not 0 < len(held) <= _MOST_NUMBERS:
        raise refused("numbers", f"1 to {_MOST_NUMBERS} whole numbers", held)
    numbers = [one for one in held if isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _LARGEST]
    if len(numbers) < len(held):
        raise refused("numbers", "whole numbers that are not negative", held)
    use = sample.reference.get("use", "all")
    if use not in ("all", "any"):
        raise refused("use", "'all' or 'any'", use)
    return numbers, whole_number(sample.reference, "target", -_LARGEST, _LARGEST), str(use)


def _answer(found: JudgedText) -> Expression | None:
    lines = expressions_in(found.text)
    if found.method != "whole_text" and len({line[0].text for line in lines}) > 1:
        return None
    return lines[-1][0] if lines and len(lines[-1]) == 1 else None


def generate_countdown(rng: Random, level: int) -> PuzzleTask:
    """Numbers, and a target that an expression drawn first makes of all of them."""
    count, largest, largest_target = _LEVELS[level - 1]
    while True:
        numbers = [rng.randint(1, largest) for _ in range(count)]
        made = _combined(rng, [(Fraction(number), str(number)) for number in numbers])
        value, text = made
        if value.denominator == 1 and max(numbers) < value <= largest_target:
            break
    listed = ", ".join(map(str, numbers))
    question = (
        f"Make {value} from the numbers {listed}. Use each number exactly once, with +, -, *, / and brackets, and no "
        "other number."
    )
    reference: dict[str, Json] = {"numbers": [*numbers], "target": int(value), "use": "all"}
    return PuzzleTask(asked(question, "one expression, e.g. (1 + 2) * 3"), reference, f"<answer>{text}</answer>")


def _combined(rng: Random, parts: list[tuple[Fraction, str]]) -> tuple[Fraction, str]:
    while len(parts) > 1:
        left, one = parts.pop(rng.randrange(len(parts)))
        right_, other = parts.pop(rng.randrange(len(parts)))
        operators = [name for name in "++-**/" if name != "/" or (right_ != 0 and (left / right_).denominator == 1)]
        operator = rng.choice(operators)
        parts.append((_applied(operator, left, right_), f"({one} {operator} {other})"))
    value, text = parts[0]
    return value, text[1:-1] if text.startswith("(") else text


def _applied(operator: str, left: Fraction, right_: Fraction) -> Fraction:
    if operator == "/":
        return left / right_
    return left + right_ if operator == "+" else left - right_ if operator == "-" else left * right_


def generate_cards(rng: Random, level: int) -> PuzzleTask:
    """Four cards that make 24: of 1 to 10, of 1 to 13, or such that nothing does without a division."""
    numbers, text = draw_cards(rng, level)
    listed = ", ".join(map(str, numbers))
    question = f"Make 24 from the cards {listed}. Use each card exactly once, with +, -, *, / and brackets."
    reference: dict[str, Json] = {"numbers": [*numbers], "target": 24, "use": "all"}
    return PuzzleTask(asked(question, "one expression, e.g. (1 + 2) * 3"), reference, f"<answer>{text}</answer>")


def draw_cards(rng: Random, level: int) -> tuple[list[int], str]:
    """Four cards that make 24, in the order they were dealt, and how."""
    while True:
        numbers = [rng.randint(1, 10 if level == 1 else 13) for _ in range(4)]
        if level == CARD_LEVELS and way_to(numbers, 24, "+-*") is not None:
            continue
        text = way_to(numbers, 24, "+-*" if level == 1 else "+-*/")
        if text is not None:
            return numbers, text


def way_to(numbers: Sequence[int], target: int, operators: str) -> str | None:
    """An expression of all the numbers that is the target; None where there is none. For a handful of numbers."""
    return _search([(Fraction(number), str(number)) for number in numbers], Fraction(target), operators, set())


_Parts = list[tuple[Fraction, str]]


def _search(parts: _Parts, target: Fraction, operators: str, seen: set[tuple[Fraction, ...]]) -> str | None:
    if len(parts) == 1:
        value, text = parts[0]
        return (text[1:-1] if text.startswith("(") else text) if value == target else None
    state = tuple(sorted(value for value, _ in parts))
    if state in seen:
        return None
    seen.add(state)
    for following in _pairings(parts, operators):
        found = _search(following, target, operators, seen)
        if found is not None:
            return found
    return None


def _pairings(parts: _Parts, operators: str) -> Iterator[_Parts]:
    for first, (left, one) in enumerate(parts):
        for second, (right_, other) in enumerate(parts):
            if first == second:
                continue
            rest = [part for at, part in enumerate(parts) if at not in (first, second)]
            for operator in operators:
                if operator in "+*" and first > second:
                    continue
                if operator == "/" and right_ == 0:
                    continue
                yield [*rest, (_applied(operator, left, right_), f"({one} {operator} {other})")]
