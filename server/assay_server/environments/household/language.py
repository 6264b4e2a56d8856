"""How a game is talked to and how it answers: a grammar made ready for use. Shared by all games that use it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from assay_server.environments.household.grammar import Call, Grammar, Listing, Part, read_grammar
from assay_server.environments.household.pddl import UnreadableGame
from assay_server.environments.household.words import Text, Words


class Act(Enum):
    """The actions of ALFRED's domain: lower-case name, and the variables that a command names."""

    LOOK = ("look", ())
    INVENTORY = ("inventory", ())
    HELP = ("help", ())
    EXAMINE_RECEPTACLE = ("examinereceptacle", ("r",))
    EXAMINE_OBJECT = ("examineobject", ("o",))
    GO = ("gotolocation", ("r",))
    OPEN = ("openobject", ("r",))
    CLOSE = ("closeobject", ("r",))
    TAKE = ("pickupobject", ("o", "r"))
    PUT = ("putobject", ("o", "r"))
    CLEAN = ("cleanobject", ("o", "r"))
    HEAT = ("heatobject", ("o", "r"))
    COOL = ("coolobject", ("o", "r"))
    USE = ("toggleobject", ("o",))
    SLICE = ("sliceobject", ("co", "ko"))

    # Members are single, and Enum's own hash is written in Python.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Template:
    """How an action is commanded.

    Attributes:
        act: the action.
        literals: the fixed pieces of text around its one or two names, or all of it.
        swapped: the names stand in the other order than in :class:`Act`.
    """

    act: Act
    literals: tuple[str, ...]
    swapped: bool

    def format(self) -> str:
        """For the ``%`` operator, in the order of the text."""
        return "%s".join(literal.replace("%", "%%") for literal in self.literals)

    def read(self, command: str, numbers: Mapping[str, int]) -> tuple[int, ...] | None:
        """The things named in a command, in the order of :class:`Act`; None where it is no such command."""
        first, last = self.literals[0], self.literals[-1]
        if not command.startswith(first) or not command.endswith(last):
            return None
        names = command[len(first) : len(command) - len(last)]
        if len(self.literals) == 2:
            thing = numbers.get(names)
            return None if thing is None else (thing,)
        left, between, right = names.partition(self.literals[1])
        one, other = numbers.get(left), numbers.get(right)
        if not between or one is None or other is None:
            return None
        return (other, one) if self.swapped else (one, other)


class Language:
    """Commands and answers of a grammar.

    Attributes:
        digest: of the grammar's text.
        idle: commands that can be given anywhere.
        go: format of the command that leads to a receptacle.
        formats: format of each action's command, with the names in the order of :class:`Act`.
        answers: what is said after an action; called with the state it led to.
        intro: what is said first.
    """

    def __init__(self, text: str, grammar: Grammar | None = None) -> None:
        """Make a grammar ready.

        Raises:
            UnreadableGame: it is none, or it lacks one of the actions.
        """
        read = grammar or read_grammar(text)
        words = Words(read)
        self.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self.intro: Text = words.symbol("intro")
        self.answers: dict[Act, Text] = {}
        self.formats: dict[Act, str] = {}
        self._swapped: set[Act] = set()
        self._whole: dict[str, Act] = {}
        self._named: dict[str, list[Template]] = {}
        for act in Act:
            self._add(act, read, words)
        self.idle = tuple(sorted(self._whole))
        self.go = self.formats[Act.GO]

    def _add(self, act: Act, grammar: Grammar, words: Words) -> None:
        texts = grammar.actions.get(act.value[0])
        if texts is None:
            raise UnreadableGame(f"the grammar has no action {act.value[0]}")
        self.answers[act] = words.text(texts.feedback)
        template = _template(act, texts.template)
        if template.swapped:
            self._swapped.add(act)
        if len(template.literals) == 1:
            self._whole[template.literals[0]] = act
        else:
            self._named.setdefault(template.literals[0].partition(" ")[0], []).append(template)
        self.formats[act] = template.format()

    def command(self, act: Act, *names: str) -> str:
        """The command of an action, its names in the order of :class:`Act`."""
        return self.formats[act] % (names[::-1] if act in self._swapped else names)

    def read(self, command: str, numbers: Mapping[str, int]) -> list[tuple[Act, tuple[int, ...]]]:
        """What a command may mean; nothing where it is not understood."""
        act = self._whole.get(command)
        if act is not None:
            return [(act, ())]
        found: list[tuple[Act, tuple[int, ...]]] = []
        for template in self._named.get(command.partition(" ")[0], ()):
            things = template.read(command, numbers)
            if things is not None:
                found.append((template.act, things))
        return found


def _template(act: Act, parts: tuple[Part, ...]) -> Template:
    literals, variables = [""], list[str]()
    for part in parts:
        if isinstance(part, str):
            literals[-1] += part
            continue
        field = part.item[0] if isinstance(part, Listing) and len(part.item) == 1 else part
        if isinstance(field, Call | Listing | str) or field.attribute != "name":
            raise UnreadableGame(f"not understood in the command of {act.value[0]}")
        variables.append(field.variable)
        literals.append("")
    if sorted(variables) != sorted(act.value[1]) or any(not literal for literal in literals[:-1]):
        raise UnreadableGame(f"the command of {act.value[0]} names {variables}; expected {list(act.value[1])}")
    return Template(act, tuple(literals), swapped=tuple(variables) != act.value[1])
