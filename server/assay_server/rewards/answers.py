"""Answers ready to be compared, and the comparisons in the order in which they are asked."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache

from assay.sdk import Strictness
from assay.sdk.values import value
from assay_server.rewards.labelled import choice_of, may_be_labelled, named_values, parts_of, separated
from assay_server.rewards.latex import plain_text
from assay_server.rewards.mathematics.effort import OverEffort, work_of
from assay_server.rewards.mathematics.floating import real_value
from assay_server.rewards.mathematics.normal_form import OverBudget, form_of
from assay_server.rewards.mathematics.numerals import MAX_DIGITS
from assay_server.rewards.mathematics.proportions import is_rounding
from assay_server.rewards.mathematics.reading import LONGEST_INLINE, Reading, letter_of, read
from assay_server.rewards.mathematics.scanning import MOST_CHARACTERS
from assay_server.rewards.mathematics.structures import Structures, equal_exactly, prepared
from assay_server.rewards.mathematics.tree import SCALARS, Node, num
from assay_server.rewards.numbers import Number, canonical, parse_number, sole_number
from assay_server.rewards.spelling import respelled
from assay_server.rewards.units import factor_between, unit_of
from assay_server.rewards.written_forms import same_form, written_forms

_ASIDE = re.compile(r",? (?:because|since)\b.*", re.IGNORECASE | re.DOTALL)
_ARTICLE = re.compile(
    r"(?:(?:(?:the )?(?:final |correct |best )?(?:answer|option|choice) )?(?:is|are):? "
    r"|(?:it|this|they) (?:is|are) |it's )?"
    r"(?:(?:the|an?|on|in|at) )?"
)
_ONE_IN_BRACES = re.compile(r"\{(\w)\}")
_LOOSE_SPACES = re.compile(r"(?<!\w)\s+|\s+(?!\w)")
_SEPARATOR = re.compile(r"\s*(?:,|;|\band\b)\s*(?:and\b\s*)?", re.IGNORECASE)
_COARSEST = 0.02
_NAME = re.compile(r"[\s$]*[A-Za-z](?:_\{?\w\}?)?")
_APPROXIMATELY = re.compile(r"≈|\\approx(?![a-zA-Z])")
_MAYBE_CONSTANT = re.compile(r"(?<![0-9.])([0-9]{1,3})e(?=[+-][0-9]{1,2}(?![0-9.]))")
_NAMED_NUMBER = re.compile(r"([A-Za-z]{2,}) [0-9]{1,9}")
_LETTER_UNIT = re.compile(r"(.{1,200}?)[\s~]*([mgshlLJNWVA])[\s.$]*")
_PROSE = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,} [A-Za-z]{2,}")
_OPTION = re.compile(
    r"(?:(?:the )?(?:correct )?(?:option|choice|answer) ?)?[(\[]?([a-z])(?:[)\]]|[.:])?", re.IGNORECASE
)
_AFFIRMED = re.compile(r"(yes|no),?(?: ?(?:it|they|he|she|this|that|we) [a-z']{2,8}(?: not)?)")
_LAST_CHOICE = "j"
_MAY_LEAD = frozenset("abfcotiahi")
_PLAIN_FRACTION = re.compile(r"(-?[0-9]+)\s*/\s*([0-9]+)|-?\s*\\[dt]?frac\{(-?[0-9]+)\}\{([0-9]+)\}")
_UNENDING = re.compile(r"[0-9]\s?(?:\.\.\.|…|\\[lc]?dots)")
_MARKUP = re.compile(r"\\[a-zA-Z]{2,}|[=^_<>+*/|√∫∑≤≥∈]|\\[{\\]")
_FRACTION = re.compile(r"/|\\[dt]?frac")
_GROUPED = re.compile(r"[0-9],[0-9]{3}")
_LENIENT_WORDS = {"true": "yes", "false": "no"}
_LONGEST_KEY = 200
_LARGEST_KEY = 1500
_LONGEST_REMEMBERED = 64
_MOST_ITEMS = 100


@value
class Answer:
    """An answer as text and, where it is one, as a number."""

    text: str
    number: Number | None

    def key(self) -> str:
        """Name of the answer's equivalence class, at most 217 characters: ``18``, ``1/2``, ``{1, 2}``, normalised text.

        Equal keys mean equal answers; equal answers have equal keys where their forms are canonical.
        """
        if self.number is not None:
            return short_key(canonical(self.number.readings()[0]))
        node = read(self.text).node if len(self.text) <= LONGEST_INLINE else None
        if node is not None and work_of(node) <= _LARGEST_KEY:
            named = _node_key(prepared(node))
            if named is not None:
                return short_key(named)
        forms = written_forms(self.text)
        if forms:
            return short_key(f"{forms[0].kind} {':'.join(map(str, forms[0].value))}{forms[0].half}")
        items = list_items(self.text)
        return short_key(_word(self.text) if items is None else ", ".join(items))


def _node_key(node: Node) -> str | None:
    """None for what has no canonical text here, such as equations and regions."""
    if node.op in SCALARS:
        try:
            return form_of(node).key()
        except OverBudget:
            return None
    if node.op not in ("list", "set", "group"):
        return None
    keys: list[str] = []
    for item in node.args:
        key = _node_key(item)
        if key is None:
            return None
        keys.append(key)
    if node.op == "group":
        return f"{node.name[0]}{', '.join(keys)}{node.name[1]}"
    return ", ".join(sorted(set(keys) if node.op == "set" else keys))


def read_answer(text: str) -> Answer:
    """``text`` as an answer; a number also where it is the only one amid plain words."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _read(text)


def _read(text: str) -> Answer:
    text = respelled(text)
    if _UNENDING.search(text):
        node = read(text).node
        return Answer(text, Number(node.number) if node is not None and node.op == "num" else None)
    number = parse_number(text)
    if number is None and "=" not in text:
        number = sole_number(text)
    elif number is None:
        number = _value_of_equation(text)
    return Answer(text, number)


def _value_of_equation(text: str) -> Number | None:
    """What an equation comes down to; nothing for a contradiction such as ``10 = 7``."""
    if len(text) > LONGEST_INLINE:
        return None
    node = read(text.partition("≈")[0].partition("\\approx")[0]).node
    if node is None:
        return sole_number(text)
    if node.op == "num":
        return Number(node.number)
    if node.op != "rel" or Structures().value(node) is None:
        return None
    return sole_number(text)


@lru_cache(maxsize=8192)
def _remembered(text: str) -> Answer:
    """The same answers come again and again within a group; the function is pure."""
    return _read(text)


def normal_text(text: str) -> str:
    """One spelling for texts that mean the same: case, markup, spaces, leading article and a final full stop."""
    plain = _ASIDE.sub("", plain_text(text)).casefold().replace("$", "").replace("π", "\\pi").replace("\\cdot", "*")
    return _LOOSE_SPACES.sub(
        "", _ONE_IN_BRACES.sub(r"\1", _ARTICLE.sub("", plain, count=1) if plain[:1] in _MAY_LEAD else plain)
    )


def list_items(text: str) -> list[str] | None:
    """Canonical items of a list such as ``3, 1/2 and x``, sorted (its order says nothing); None for anything else.

    Parentheses and brackets make a tuple or an interval, which is compared as text; braces make a set.
    """
    plain = plain_text(text).strip()
    if plain.startswith("\\{") and plain.endswith("\\}"):
        plain = plain[2:-2]
    if any(bracket in plain for bracket in "([{"):
        return None
    items = _SEPARATOR.split(plain, maxsplit=_MOST_ITEMS)
    if len(items) < 2 or len(items) > _MOST_ITEMS or not all(items):
        return None
    numbers = [parse_number(item) for item in items]
    return sorted(
        normal_text(item) if number is None else canonical(number.readings()[0])
        for item, number in zip(items, numbers, strict=True)
    )


def short_key(key: str) -> str:
    """``key``, cut and completed by a digest where it is long."""
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:_LONGEST_KEY]}#{hashlib.sha256(key.encode()).hexdigest()[:16]}"


class Outcome(Enum):
    """What one comparison says; after PASS the next one is asked."""

    EQUAL = 1
    DIFFERENT = 2
    UNDECIDED = 3
    PASS = 4


_OUTCOMES = {True: Outcome.EQUAL, False: Outcome.DIFFERENT, None: Outcome.UNDECIDED}
Comparison = Callable[[Answer, Answer, Structures], Outcome]
"""``(answer, reference, structures) -> outcome``."""


@value
class Decision:
    """Whether two answers are the same (None: undecided), and the layer that decided or was asked last."""

    equal: bool | None
    layer: str


def _citations(answer: Answer, reference: Answer, _structures: Structures) -> Outcome:
    """A number in quotation marks is somebody else's."""
    text, gold = answer.text.strip(), reference.text.strip()
    quoted = len(text) > 1 and text[0] in '"“' and text[-1] in '"”'
    mathematical = reference.number is not None or read(gold).node is not None
    return Outcome.DIFFERENT if quoted and mathematical and text != gold else Outcome.PASS


def _approximations(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    """``5\\sqrt2 \\approx 7.07``: the exact side counts; a reference that is that decimal asks for the other one."""
    mine, gold = _sides(answer.text), _sides(reference.text)
    if mine == [answer.text] and gold == [reference.text]:
        return Outcome.PASS
    if structures.strictness == "strict" and len(mine) != len(gold):
        return Outcome.DIFFERENT
    if any(len(sides) == 2 and _far_apart(*sides) for sides in (mine, gold)):
        return Outcome.DIFFERENT
    outcome = _decided(mine[0], gold[0], structures)
    if outcome is Outcome.EQUAL or len(mine) != 2 or len(gold) != 1 or reference.number is None:
        return outcome
    exact, rounded = read(mine[0]).node, read(mine[1]).node
    if exact is None or rounded is None or not is_rounding(exact, rounded):
        return outcome
    return _decided(mine[1], gold[0], structures)


def _far_apart(exact: str, rounded: str) -> bool:
    """``7 \\approx 8`` is no approximation."""
    values = [None if node is None else real_value(node) for node in (read(exact).node, read(rounded).node)]
    if values[0] is None or values[1] is None:
        return False
    return abs(values[0] - values[1]) > _COARSEST * max(1.0, abs(values[0]))


def _sides(text: str) -> list[str]:
    """What stands on the sides of an approximation; the whole text where it has none, or begins with its sign."""
    if "≈" not in text and "\\approx" not in text:
        return [text]
    sides = [side.strip() for side in _APPROXIMATELY.split(text, maxsplit=2)]
    if len(sides) != 2 or not sides[0].strip("$ "):
        return [text]
    return [sides[1]] if _NAME.fullmatch(sides[0]) else sides


def _labels(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    """Parts by their labels; a choice letter with its value."""
    if not (may_be_labelled(answer.text) or may_be_labelled(reference.text)):
        return Outcome.PASS
    mine, gold = parts_of(answer.text), parts_of(reference.text)
    if mine is not None or gold is not None:
        return _parts(mine or answer.text, gold or reference.text, structures)
    chosen, wanted = choice_of(answer.text), choice_of(reference.text)
    if chosen is None and wanted is None:
        return Outcome.PASS
    if structures.strictness == "strict" and (chosen is None or wanted is None):
        return Outcome.DIFFERENT
    letters = chosen.letter if chosen else _option(answer.text), wanted.letter if wanted else _option(reference.text)
    if None not in letters and (letters[0] != letters[1] or chosen is None or wanted is None):
        return _OUTCOMES[letters[0] == letters[1]]
    return _decided(chosen.value if chosen else answer.text, wanted.value if wanted else reference.text, structures)


def _parts(mine: dict[str, str] | str, gold: dict[str, str] | str, structures: Structures) -> Outcome:
    """Part by part; against a list without labels in its order."""
    if isinstance(mine, dict) and isinstance(gold, dict):
        if mine.keys() != gold.keys():
            return Outcome.DIFFERENT
        pairs = [(mine[label], gold[label]) for label in gold]
    else:
        left, right = (list(given.values()) if isinstance(given, dict) else separated(given) for given in (mine, gold))
        if len(left) != len(right) or structures.strictness == "strict":
            return Outcome.DIFFERENT
        pairs = list(zip(left, right, strict=True))
    return _together(_decided(left, right, structures) for left, right in pairs)


def _together(outcomes: Iterable[Outcome]) -> Outcome:
    unsure = False
    for outcome in outcomes:
        if outcome is Outcome.DIFFERENT:
            return Outcome.DIFFERENT
        unsure = unsure or outcome is Outcome.UNDECIDED
    return Outcome.UNDECIDED if unsure else Outcome.EQUAL


def _decided(mine: str, gold: str, structures: Structures) -> Outcome:
    return _OUTCOMES[decide(read_answer(mine), read_answer(gold), structures).equal]


def _option(text: str) -> str | None:
    """The letter of an answer that is a choice and nothing else."""
    option = _OPTION.fullmatch(normal_text(text))
    return option[1].lower() if option is not None and option[1].lower() <= _LAST_CHOICE else None


def _numbers(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    if answer.number is None or reference.number is None or ("=" in answer.text and "=" in reference.text):
        return Outcome.PASS
    mine, gold = answer.number, reference.number
    if _differently_named(answer.text, reference.text):
        return Outcome.DIFFERENT
    equal = mine.equals(gold) if structures.strictness != "lenient" else _leniently(mine, gold)
    if structures.strictness == "strict":
        equal = equal and _as_asked(answer, reference)
    elif not equal and structures.strictness == "lenient":
        return Outcome.PASS
    return _OUTCOMES[equal]


def _differently_named(text: str, other: str) -> bool:
    """``Team 3`` against ``Row 3``."""
    names = [_NAMED_NUMBER.fullmatch(plain_text(part)) if part[:1].isalpha() or part[:1] == "\\" else None
             for part in (text, other)]  # fmt: skip
    return names[0] is not None and names[1] is not None and names[0][1].casefold() != names[1][1].casefold()


def _leniently(mine: Number, gold: Number) -> bool:
    return mine.equals(gold) or Number(mine.value, mine.percent).equals(Number(gold.value, gold.percent))


def _as_asked(answer: Answer, reference: Answer) -> bool:
    """Strict: the same value and unit, a reduced fraction, no name in front, no sign added or left out."""
    mine, gold = answer.number, reference.number
    assert mine is not None
    assert gold is not None
    if mine.unit != gold.unit or mine.readings()[0] != gold.readings()[0]:
        return False
    if ("=" in answer.text) != ("=" in reference.text) or _degrees(answer.text) != _degrees(reference.text):
        return False
    return _is_reduced(answer.text) or not _is_reduced(reference.text)


def _degrees(text: str) -> bool:
    return "°" in text or "\\circ" in text or "degree" in text


def _is_reduced(text: str) -> bool:
    match = _PLAIN_FRACTION.search(text)
    if match is None:
        return True
    above, below = (int(part[:MAX_DIGITS]) for part in (match[1] or match[3], match[2] or match[4]))
    return math.gcd(above, below) == 1 and below != 1


def _forms(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    if reference.number is not None and answer.number is not None:
        return Outcome.PASS
    left, right = written_forms(answer.text), written_forms(reference.text)
    equal = same_form(left, right, lenient=structures.strictness == "lenient")
    if equal is not None:
        return _OUTCOMES[equal]
    bases = [form for form in (*left, *right) if form.kind == "base"]
    if not bases:
        ratio = next((form for form in (*left, *right) if form.kind == "ratio" and len(form.value) == 2), None)
        number = answer.number or reference.number
        if (
            ratio is not None
            and number is not None
            and structures.strictness != "strict"
            and _FRACTION.search(answer.text + reference.text)
        ):
            return _OUTCOMES[number.value * ratio.value[1] == ratio.value[0]]
        return Outcome.PASS
    number = answer.number or reference.number
    wanted = structures.strictness == "lenient" or bases[0].value[1] == 10
    return _OUTCOMES[wanted and number is not None and number.value == bases[0].value[0]]


def _structures(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    if structures.scalars is equal_exactly and _is_long_formula(answer, reference):
        return Outcome.UNDECIDED
    mine, gold = _read_both(answer, reference)
    if mine.node is None or gold.node is None:
        return Outcome.PASS
    if structures.scalars is equal_exactly:
        structures = structures.inline()
    factor = factor_between(mine.unit, gold.unit)
    if factor is None and structures.strictness != "lenient":
        return Outcome.DIFFERENT
    if structures.strictness == "strict" and mine.unit != gold.unit:
        return Outcome.DIFFERENT
    scaled = mine.node if factor in (None, 1) else Node("mul", (num(factor), mine.node))
    try:
        verdict = structures.same(scaled, gold.node)
        if verdict is False:
            verdict = _read_otherwise(answer, reference, structures)
    except OverEffort:
        return Outcome.UNDECIDED
    return _OUTCOMES[verdict]


def _read_both(answer: Answer, reference: Answer) -> tuple[Reading, Reading]:
    """Both as mathematics; a single letter is a name where the other one is."""
    mine, gold = _read_whole(answer), _read_whole(reference)
    if (mine.node is None) != (gold.node is None):
        mine = mine if mine.node is not None else mine._replace(node=letter_of(answer.text))
        gold = gold if gold.node is not None else gold._replace(node=letter_of(reference.text))
    return _with_letter_unit(answer, mine, gold), _with_letter_unit(reference, gold, mine)


def _with_letter_unit(answer: Answer, reading: Reading, other: Reading) -> Reading:
    """``10\\sqrt{2} m`` where the other answer is in metres."""
    match = _LETTER_UNIT.fullmatch(answer.text) if other.unit and not reading.unit else None
    if match is None or unit_of(match[2]) != other.unit:
        return reading
    return Reading(read(match[1]).node or reading.node, other.unit)


def _read_otherwise(answer: Answer, reference: Answer, structures: Structures) -> bool | None:
    """The verdict where commas separate items rather than thousands, or ``2e+1`` is a sum; False where neither may."""
    texts = [answer.text, reference.text]
    commas = _has_grouped_comma(answer, reference)
    constants = [_MAYBE_CONSTANT.sub(r"\1 e", text) for text in texts]
    if not commas and constants == texts:
        return False
    other = [read(text, commas_group=not commas).node for text in constants]
    return False if other[0] is None or other[1] is None else structures.same(other[0], other[1])


def _is_long_formula(answer: Answer, reference: Answer) -> bool:
    """Whether one of two different texts is a formula that takes long to be read, though the lane may read it."""
    longest = max(len(answer.text), len(reference.text))
    if not LONGEST_INLINE < longest <= MOST_CHARACTERS or answer.text == reference.text:
        return False
    return _PROSE.search(answer.text if len(answer.text) == longest else reference.text) is None


def _has_grouped_comma(answer: Answer, reference: Answer) -> bool:
    grouped = any(_GROUPED.search(text) for text in (answer.text, reference.text))
    return grouped and (answer.number is None or reference.number is None)


def _read_whole(answer: Answer) -> Reading:
    """The tree of an answer; where words surround its only number, that number."""
    reading = read(answer.text)
    if reading.node is None and answer.number is not None:
        return Reading(Node("num", number=answer.number.value), answer.number.unit)
    return reading


def _lists(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    named, wanted = named_values(answer.text), named_values(reference.text)
    if named is not None and wanted is not None and named.keys() == wanted.keys():
        return _together(_decided(named[name], wanted[name], structures) for name in wanted)
    expected = list_items(reference.text)
    if expected is None or reference.number is not None or structures.strictness == "strict":
        return Outcome.PASS
    return Outcome.EQUAL if list_items(answer.text) == expected else Outcome.PASS


def _texts(answer: Answer, reference: Answer, structures: Structures) -> Outcome:
    mine, gold = _word(answer.text), _word(reference.text)
    if structures.strictness == "lenient":
        mine, gold = _LENIENT_WORDS.get(mine, mine), _LENIENT_WORDS.get(gold, gold)
    return _OUTCOMES[mine == gold]


def _word(text: str) -> str:
    normal = normal_text(text)
    option = _OPTION.fullmatch(normal)
    if option is not None:
        return option[1] if option[1].lower() <= _LAST_CHOICE else plain_text(text).strip("()[].: ")
    affirmed = _AFFIRMED.fullmatch(normal)
    return normal if affirmed is None else affirmed[1]


LAYERS: tuple[tuple[str, Comparison], ...] = (
    ("citation", _citations),
    ("approximation", _approximations),
    ("labels", _labels),
    ("exact_number", _numbers),
    ("written_form", _forms),
    ("structure", _structures),
    ("unordered_list", _lists),
    ("normalised_text", _texts),
)
"""Asked in this order; the first that can tell decides."""


def decide(answer: Answer, reference: Answer, structures: Structures) -> Decision:
    """Ask the layers in their order."""
    for name, comparison in LAYERS:
        outcome = comparison(answer, reference, structures)
        if outcome is not Outcome.PASS:
            equal = None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL
            return Decision(equal, name)
    return Decision(False, "none")


_BY_STRICTNESS: dict[Strictness, Structures] = {name: Structures(name) for name in ("strict", "default", "lenient")}


def compare(answer: Answer, reference: Answer, strictness: Strictness = "default") -> Decision:
    """Whether both are the same answer, as far as exact comparison can tell."""
    return decide(answer, reference, _BY_STRICTNESS[strictness])


def is_formal(text: str) -> bool:
    """Whether ``text`` has the marks of mathematics rather than of words."""
    return _MARKUP.search(text) is not None
