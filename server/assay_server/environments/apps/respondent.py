"""The user as the other party: knows facts, is asked in free text, tells one for each question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay_server.environments.apps.policies import agreed
from assay_server.environments.apps.world import World

_WORD = re.compile(r"[a-z]+")
_AMOUNT = re.compile(r"(?<![\d.])\d{1,7}(?:\.\d{1,2})?(?![\d])")
_LONGEST_QUESTION = 2000
_NOTHING = "There is nothing more that I could tell you about that."


def _no_facts() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class User:
    """Who gave the task.

    Attributes:
        facts: sentences by the word that has to be in a question.
        agrees: amounts in cents that the user wants to be paid.
        manner: how an answer begins.
    """

    facts: Mapping[str, str] = field(default_factory=_no_facts)
    agrees: tuple[int, ...] = ()
    manner: str = ""

    def reply(self, world: World, question: str) -> str:
        """The answer to a question; what it told is remembered in the world."""
        asked = question[:_LONGEST_QUESTION].casefold().replace(",", "")
        said: list[str] = []
        for amount in self._amounts(asked):
            said.append(f"Yes, please pay {amount / 100:.2f}.")
            world.put("told", agreed(amount), {"said": said[-1]})
        topic = next((word for word in _WORD.findall(asked) if word in self.facts), "")
        if topic:
            said.append(self.facts[topic])
            world.put("told", topic, {"said": said[-1]})
        return f"{self.manner}{' '.join(said) or _NOTHING}"

    def _amounts(self, asked: str) -> list[int]:
        named = {round(float(one) * 100) for one in _AMOUNT.findall(asked)}
        return sorted(named.intersection(self.agrees))
