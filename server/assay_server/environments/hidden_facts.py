"""Who was it? A witness knows facts, one is told for each question, and the suspects differ in them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from assay.sdk import Json
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema
from assay_server.rewards.dialogues.facts import Case, worth_of_facts
from assay_server.rewards.dialogues.suspects import draw_case, sentence

_WORD = re.compile(r"[a-z]+")
_ACCUSE = "accuse"


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The case, the topics that were asked about, and who was accused."""

    case: Case
    known: tuple[int, ...] = ()
    accused: str = ""


class InquiryGame:
    """Find out who it was: ask a witness, who answers one topic for each question, then accuse somebody.

    A question may be any text: it is about the first topic that it names. A step is worth what its fact tells apart:
    the fact's Shapley weight in the information ``1 - log(suspects left) / log(suspects)``; the right accusation 1.
    """

    levels: Sequence[int] = (10, 12, 14, 18)

    def deal(self, rng: Random, level: int) -> Inquiry:
        return Inquiry(draw_case(rng, level))

    def rules(self, position: Inquiry) -> str:
        lines = [f"{name}: {', '.join(values)}" for name, values in position.case.hypotheses]
        topics = ", ".join(position.case.topics)
        return (
            f"One of these did it:\n{chr(10).join(lines)}\nA witness saw who it was. Ask about one thing at a time "
            f"({topics}), or name the culprit: accuse NAME."
        )

    def view(self, position: Inquiry) -> str:
        case = position.case
        said = [sentence(case.topics[at], case.facts[at]) for at in position.known]
        verdict = f"\nYou accuse {position.accused.capitalize()}." if position.accused else ""
        return ("\n".join(said) or "Nothing is known yet.") + verdict

    def actions(self, position: Inquiry) -> Sequence[str]:
        case = position.case
        return [
            *(f"ask about {topic}" for topic in case.topics),
            *(f"{_ACCUSE} {name.lower()}" for name, _ in case.hypotheses),
        ]

    def follow(self, position: Inquiry, action: str) -> Inquiry:
        verb, _, rest = action.partition(" ")
        if verb == _ACCUSE:
            return replace(position, accused=rest)
        topic = position.case.topics.index(rest.removeprefix("about "))
        return replace(position, known=tuple(sorted({*position.known, topic})))

    def outcome(self, position: Inquiry) -> Outcome:
        case = position.case
        won = position.accused == case.hypotheses[case.truth][0].lower()
        score = 1.0 if won else case.information(position.known) / 2
        return Outcome(score, won, bool(position.accused))

    def reward(self, before: Inquiry, after: Inquiry) -> float:
        if after.accused:
            return float(self.outcome(after).won)
        weights = worth_of_facts(after.case).values
        return sum(weights[at] for at in after.known if at not in before.known)

    def solution(self, position: Inquiry) -> Sequence[str]:
        case = position.case
        return [f"{_ACCUSE} {case.hypotheses[case.truth][0].lower()}"]


class InquiryEpisode(PuzzleEpisode[Inquiry]):
    """An episode in which questions are free text."""

    def __init__(self) -> None:
        super().__init__(InquiryGame())

    def reference(self) -> Mapping[str, Json]:
        """What ``dialogues/information-gain`` judges a rollout of this episode by."""
        case = self.position.case
        return {
            "facts": {topic: sentence(topic, value) for topic, value in zip(case.topics, case.facts, strict=True)},
            "hypotheses": {name: dict(zip(case.topics, values, strict=True)) for name, values in case.hypotheses},
            "truth": case.hypotheses[case.truth][0],
        }

    def _understood(self, position: Inquiry, action: str) -> str:
        words = _WORD.findall(action.casefold())
        if words[:1] == [_ACCUSE]:
            return super()._understood(position, " ".join(words))
        topic = next((word for word in words if word in position.case.topics), "")
        return f"ask about {topic}" if topic else ""


HIDDEN_FACTS = EnvironmentDefinition(
    id="dialogues/hidden-facts-v1",
    make=InquiryEpisode,
    summary="Ask a witness for hidden facts, then say who it was.",
    options=options_schema(len(InquiryGame.levels)),
    aliases=("hidden-facts",),
    doc=inspect.getdoc(InquiryGame) or "",
)
