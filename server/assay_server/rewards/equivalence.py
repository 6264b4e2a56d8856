"""Classes of equal answers, for majority votes and semantic entropy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from assay.sdk import Strictness
from assay_server.rewards.answers import Answer, compare, read_answer


def equivalence_classes(
    answers: Iterable[str],
    *,
    strictness: Strictness = "default",
    decider: Callable[[str, str], bool | None] | None = None,
) -> list[int]:
    """For each answer the number of its class, counted from 0 by first occurrence.

    Args:
        answers: as extracted.
        strictness: as for :func:`compare`.
        decider: asked where exact comparison is undecided, e.g. the symbolic layer; undecided answers are kept apart.
    """
    classes: list[int] = []
    by_text: dict[str, int] = {}
    by_key: dict[str, int] = {}
    members: list[Answer] = []
    for text in answers:
        number = by_text.get(text)
        if number is None:
            answer = read_answer(text)
            key = answer.key()
            number = by_key.get(key) if strictness == "default" and not _ambiguous(answer) else None
            if number is None:
                number = _class_of(answer, members, strictness, decider)
            if number is None:
                number = len(members)
                members.append(answer)
            by_text[text] = number
            if not _ambiguous(answer):
                by_key.setdefault(key, number)
        classes.append(number)
    return classes


def _ambiguous(answer: Answer) -> bool:
    """Whether the key leaves something out that comparison looks at: a unit or a percent sign."""
    return answer.number is not None and (answer.number.percent or bool(answer.number.unit))


def _class_of(
    answer: Answer,
    members: list[Answer],
    strictness: Strictness,
    decider: Callable[[str, str], bool | None] | None,
) -> int | None:
    for number, member in enumerate(members):
        decision = compare(answer, member, strictness)
        equal = decision.equal
        if equal is None and decider is not None:
            equal = decider(answer.text, member.text)
        if equal:
            return number
    return None
