"""``verify/math``: is the final answer the reference's?

Two pure stages. :func:`math_quick` is inline: extraction, normal forms and exact comparison, linear in the text. Where
it cannot tell, :func:`math_score` asks the symbolic layer, which may take long and runs where it can be killed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from assay.sdk import Evidence, Lane, Ports, Sample, Score, Strictness, Symbolic, Unscorable, Verdict, reward
from assay_server.rewards.answers import Answer, Decision, compare, is_formal, read_answer
from assay_server.rewards.boxes import boxed_answers
from assay_server.rewards.extraction import Extraction, extract_answer
from assay_server.rewards.mathematics.reading import read
from assay_server.rewards.references import answer_in, reference_text
from assay_server.rewards.regions import answer_region
from assay_server.rewards.units import unit_of
from assay_server.rewards.written_forms import written_forms

_LONGEST_REMEMBERED = 64
_LONGEST_WHOLE = 100
_LONGEST_SHOWN = 1000
_MOST_BOXES = 64
_LONGEST_LINE = 2000
_MOST_JOINED = 12
_LONGEST_UNIT = 30
_JOINT = re.compile(r"\s{0,3}(,|;|,?\s(?:and|or)|and|or)\s{0,3}(?:(?:and|or)\s)?")
_AFTER_FORMULA = re.compile(r"[\s.$,;:!]+")

BoxPolicy: TypeAlias = Literal["last", "all_agree", "reject"]
"""Several boxes: the last counts; all must be right; boxes with different answers are no answer, without a key."""


@dataclass(frozen=True, slots=True)
class MathParameters:
    """How answers are judged.

    Attributes:
        strictness: of forms; the table in the documentation says what it changes.
        boxes: what several different boxes mean.
        last_characters: look only at the end of the response.
    """

    strictness: Strictness = "default"
    boxes: BoxPolicy = "last"
    last_characters: int | None = None


DEFAULTS = MathParameters()
_parameters = lru_cache(maxsize=64)(MathParameters)
"""Parameters by their values: a run has few, and asks for them with every rollout."""


class _Judged(NamedTuple):
    """What is compared; ``gold`` is the text that the reference was read from."""

    found: Extraction | None
    gold: str
    reference: Answer
    reference_key: str
    skipped: int
    response: str

    def answer(self) -> Answer:
        """The answer, read; a long one anew each time."""
        return _NO_ANSWER if self.found is None else read_answer(self.found.text)


_NO_ANSWER = Answer("", None)


class _Settled(NamedTuple):
    """What the inline stage says of an answer to a reference."""

    equal: bool
    layer: str
    key: str


def _quick(
    sample: Sample,
    *,
    last_characters: int | None = None,
    boxes: BoxPolicy = "last",
    strictness: Strictness = "default",
) -> Score | None:
    return math_quick(sample, params=_parameters(strictness, boxes, last_characters))


@reward(
    "verify/math-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.CPU,
    quick=_quick,
    aliases=("math",),
    reference_keys=("answer",),
    source="verify/math (GSM8K, MATH and most of the field)",
)
def math(
    sample: Sample,
    ports: Ports,
    *,
    last_characters: int | None = None,
    boxes: BoxPolicy = "last",
    strictness: Strictness = "default",
) -> Score:
    """1 where the final answer equals the reference, else 0; no answer at all is 0 too.

    The answer is the last ``\\boxed{}`` or ``<answer>``, else the last "the answer is" / ``####`` / ``A:``, else the
    last number. It is compared as a number, a written form, a mathematical structure and a text, on the loop; only
    where these cannot tell, by computer algebra and high-precision numbers in a worker that can be killed.
    ``last_characters`` looks only at the end of the response; ``boxes`` says what several different boxes mean;
    ``strictness`` how forms are judged.
    """
    return math_score(sample, ports.symbolic, params=MathParameters(strictness, boxes, last_characters))


def math_exact(sample: Sample) -> Score:
    """What the inline stage says with default parameters, for rewards that ask it and have no worker.

    Raises:
        Unscorable: as :func:`math_quick`; ``UNDECIDED`` where only the symbolic layer can tell.
    """
    score = math_quick(sample)
    if score is None:
        raise Unscorable("UNDECIDED", "exact comparison cannot tell whether the answer is the reference's")
    return score


def math_quick(sample: Sample, *, params: MathParameters = DEFAULTS) -> Score | None:
    """The inline stage; None where only the symbolic layer can tell.

    Raises:
        Unscorable: ``REFERENCE_MISSING`` or ``REFERENCE_UNPARSEABLE``.
    """
    judged = _judged(sample, params)
    found = judged.found
    if found is not None and params.boxes == "last" and len(found.text) <= _LONGEST_REMEMBERED >= len(judged.gold):
        settled = _remembered(found.text, judged.gold, params.strictness)
        return None if settled is None else _shown(judged, found, settled)
    answer = judged.answer()
    decision = _decided(judged, answer, params, sample)
    if decision.equal is None or (decision.equal is False and _unread(judged, answer) is not None):
        return None
    return _score(judged, answer, decision, params)


@lru_cache(maxsize=8192)
def _remembered(text: str, gold: str, strictness: Strictness) -> _Settled | None:
    """The same answers to the same reference come again and again within a group; None as in :func:`math_quick`."""
    reference, reference_key = answer_in(gold)
    answer = read_answer(text)
    decision = compare(answer, reference, strictness)
    if decision.equal is None or (not decision.equal and _unread_of(answer, reference) is not None):
        return None
    return _Settled(decision.equal, decision.layer, _key(answer, reference_key, decision))


def math_score(sample: Sample, symbolic: Symbolic, *, params: MathParameters = DEFAULTS) -> Score:
    """The whole verdict.

    Raises:
        Unscorable: ``REFERENCE_MISSING``; ``REFERENCE_UNPARSEABLE`` or ``PREDICTION_UNPARSEABLE`` where one of them is
            notation that is not read and the texts differ; ``UNDECIDED`` where no layer can tell.
    """
    judged = _judged(sample, params)
    answer = judged.answer()
    decision = _decided(judged, answer, params, sample)
    if decision.equal is False:
        reason = _unread(judged, answer)
        if reason is not None:
            raise Unscorable(reason, f"{answer.text[:80]!r} against {judged.reference.text[:80]!r}: not read")
    if decision.equal is None:
        verdict = symbolic.compare(answer.text, judged.reference.text, params.strictness)
        if verdict.equal is None:
            raise Unscorable("UNDECIDED", f"no layer could tell: {verdict.reason}")
        agreed = not verdict.equal or _boxes_agree(judged.response, sample.prompt, judged.reference, params, symbolic)
        decision = Decision(verdict.equal and agreed, verdict.layer if agreed else "boxes")
    return _score(judged, answer, decision, params)


def _judged(sample: Sample, params: MathParameters) -> _Judged:
    gold = reference_text(sample.reference)
    reference, reference_key = answer_in(gold)
    length = params.last_characters
    skipped = 0 if length is None else max(0, len(sample.response) - max(0, length))
    response = sample.response[skipped:] if skipped else sample.response
    found = extract_answer(response, prompt=sample.prompt, truncated=sample.truncated)
    if reference.number is None and (found is None or found.method == "last_number"):
        found = _final_formula(response, sample) or _whole_text(response, sample) or found
    return _Judged(found, gold, reference, reference_key, skipped, response)


def _decided(judged: _Judged, answer: Answer, params: MathParameters, sample: Sample) -> Decision:
    if judged.found is None:
        return Decision(False, "")
    decision = compare(answer, judged.reference, params.strictness)
    if decision.equal and params.boxes != "last" and not _boxes_agree(
        judged.response, sample.prompt, judged.reference, params, None
    ):  # fmt: skip
        return Decision(False, "boxes")
    return decision


def _score(judged: _Judged, answer: Answer, decision: Decision, params: MathParameters) -> Score:
    found, layer = judged.found, decision.layer
    if found is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    if layer == "boxes" and params.boxes == "reject":
        return _shown(judged, found, _Settled(equal=False, layer=layer, key=""))
    key = _key(answer, judged.reference_key, decision)
    return _shown(judged, found, _Settled(bool(decision.equal), layer, key))


def _key(answer: Answer, reference_key: str, decision: Decision) -> str:
    if decision.equal:
        return reference_key
    key = answer.key()
    return f"{key} {decision.layer}" if key == reference_key else key


def _shown(judged: _Judged, found: Extraction, settled: _Settled) -> Score:
    """The score with its evidence."""
    equal, layer, key = settled
    reason = "equals the reference" if equal else "differs from the reference"
    evidence = Evidence(
        found.text[:_LONGEST_SHOWN],
        found.method,
        found.start + judged.skipped,
        found.end + judged.skipped,
        "boxes with different answers" if layer == "boxes" else reason,
        layer,
    )
    return Score(1.0 if equal else 0.0, Verdict.CORRECT if equal else Verdict.INCORRECT, evidence, key)


def _unread(judged: _Judged, answer: Answer) -> str | None:
    """Which of two different texts is mathematics that nothing here reads: a wrong verdict would be a guess."""
    return None if judged.found is None else _unread_of(answer, judged.reference)


def _unread_of(answer: Answer, reference: Answer) -> str | None:
    """Words against mathematics are simply wrong, and so is a broken formula."""
    if answer.number is not None and reference.number is not None:
        return None
    if reference.number is None and read(reference.text).node is None and not written_forms(reference.text):
        formal = is_formal(reference.text) and is_formal(answer.text)
        return "REFERENCE_UNPARSEABLE" if formal and read(reference.text).unsupported else None
    if answer.number is None and read(answer.text).unsupported:
        return "PREDICTION_UNPARSEABLE"
    return None


def _whole_text(response: str, sample: Sample) -> Extraction | None:
    """A short response without any mark is itself a text answer."""
    region = None if sample.truncated else answer_region(response, sample.prompt)
    text = "" if region is None else region.strip()
    if region is None or not text or len(text) > _LONGEST_WHOLE or "\n" in text or "\\boxed" in text:
        return None
    start = region.find(text)
    return Extraction(text, "whole_text", start, start + len(text))


def _final_formula(response: str, sample: Sample) -> Extraction | None:
    """The last ``$...$`` of the last line: an unmarked answer that is no number."""
    region = None if sample.truncated else answer_region(response, sample.prompt)
    if region is None:
        return None
    end = len(region.rstrip())
    start = max(region.rfind("\n", 0, end) + 1, end - _LONGEST_LINE)
    closing = region.rfind("$", start, end)
    opening = region.rfind("$", start, closing) if closing != -1 else -1
    text = region[opening + 1 : closing].strip() if opening != -1 else ""
    behind = _AFTER_FORMULA.sub(" ", region[closing + 1 : end]).strip()
    if not text or (behind and (len(behind) > _LONGEST_UNIT or unit_of(behind) is None)):
        return None
    begin = region.find(text, opening)
    found = _with_formulas_before(region, start, opening, text)
    return found or Extraction(text, "final_line", begin, begin + len(text))


def _with_formulas_before(region: str, start: int, opening: int, text: str) -> Extraction | None:
    """``$x = 2$ and $x = -3$`` is one answer."""
    texts, ends = [text], opening
    begin = opening
    for _ in range(_MOST_JOINED):
        closing = region.rfind("$", start, ends)
        before = region.rfind("$", start, closing) if closing != -1 else -1
        joint = None if before == -1 else _JOINT.fullmatch(region, closing + 1, ends)
        if joint is None:
            break
        texts.insert(0, f"{region[before + 1 : closing].strip()}{' or ' if joint[1] == 'or' else ', '}")
        begin, ends = before, before
    if len(texts) == 1:
        return None
    return Extraction("".join(texts), "final_line", begin + 1, region.find(text, opening) + len(text))


def _boxes_agree(
    response: str, prompt: str, reference: Answer, params: MathParameters, symbolic: Symbolic | None
) -> bool:
    """Whether the policy lets a right last box stand."""
    if params.boxes == "last":
        return True
    region = answer_region(response, prompt) or ""
    for number, box in enumerate(boxed_answers(region, prompt)):
        equal = compare(read_answer(box[0]), reference, params.strictness).equal
        if equal is None and symbolic is not None:
            equal = symbolic.compare(box[0], reference.text, params.strictness).equal
        if not equal or number > _MOST_BOXES:
            return False
    return True
