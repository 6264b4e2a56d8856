"""The language of generated scenes: it reads as ALFWorld's own games do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from assay_server.environments.household.grammar import ActionText, Grammar, Rule, read_condition, read_parts
from assay_server.environments.household.language import Act, Language

PutWord: TypeAlias = Literal["move", "put"]
"""``move X to Y`` as in ALFWorld 0.4, or ``put X in/on Y`` as before."""

_THINGS_IN = "[{o.indefinite + ' ' + o.name | inreceptacle(o:object, r:receptacle)}]"
_INSIDE = "[{o2.indefinite + ' ' + o2.name | inreceptacleobject(o2:object, o:object)}]"
_HERE = "atlocation(a:agent, l:location) & receptacleatlocation(r:receptacle, l:location)"
_BESIDE = (
    "atlocation(a:agent, l:location) & objectatlocation(o:object, l:location)"
    " & receptacleatlocation(r:receptacle, l:location) & not_inreceptacle(o:object, r:receptacle)"
)
_LOOKS: Sequence[tuple[str, str]] = (
    ("isclean ishot issliced", "hot and clean sliced"),
    ("isclean iscool issliced", "cool and clean sliced"),
    ("isclean issliced", "clean sliced"),
    ("ishot issliced", "hot sliced"),
    ("iscool issliced", "cool sliced"),
    ("isclean ishot", "hot and clean"),
    ("isclean iscool", "cool and clean"),
    ("ishot", "hot"),
    ("isclean", "clean"),
    ("iscool", "cold"),
)
_RULES: Mapping[str, Sequence[tuple[str, str]]] = {
    "intro": [("", "-= Welcome to TextWorld, ALFRED! =-\n\n#around#\n\nYour task is to: #task#.")],
    "receptacle": [
        ("openable(r:receptacle) & opened(r:receptacle)", f"The {{r.name}} is open. In it, you see {_THINGS_IN}."),
        ("openable(r:receptacle)", "The {r.name} is closed."),
        ("", f"On the {{r.name}}, you see {_THINGS_IN}."),
    ],
    "object": [
        (
            "isreceptacleobject(o:object)",
            "This is a normal {o.name}. In it, you see " + _INSIDE + ".",
        ),
        *(
            (" & ".join(f"{flag}(o:object)" for flag in flags.split()), f"This is a {word} {{o.name}}.")
            for flags, word in _LOOKS
        ),
        ("toggleable(o:object) & istoggled(o:object)", "This {o.name} is on."),
        ("sliceable(o:object) & issliced(o:object)", "This is a sliced {o.name}."),
        ("", "There's nothing special about {o.name}."),
    ],
    "around": [
        (_HERE, f"You are facing the [{{r.name | {_HERE}}}]. Next to it, you see #beside#."),
        ("", "You are in the middle of a room. Looking quickly around you, you see #receptacles#."),
    ],
    "beside": [(_BESIDE, f"[{{o.indefinite + ' ' + o.name | {_BESIDE}}}]"), ("", "nothing")],
    "receptacles": [("", "[{r.indefinite + ' ' + r.name | receptacleatlocation(r:receptacle, l:location)}]")],
    "carried": [
        ("holdsany(a:agent)", "You are carrying: [{o.indefinite + ' ' + o.name | holds(a:agent, o:object)}]."),
        ("", "You are not carrying anything."),
    ],
}
_ACTIONS: Mapping[Act, tuple[str, str]] = {
    Act.LOOK: ("look", "#around#"),
    Act.INVENTORY: ("inventory", "#carried#"),
    Act.EXAMINE_RECEPTACLE: ("examine {r}", "#receptacle#"),
    Act.EXAMINE_OBJECT: ("examine {o}", "#object#"),
    Act.GO: ("go to {r}", "You arrive at {r.name}. #receptacle#"),
    Act.OPEN: ("open {r}", "You open the {r.name}. #receptacle#"),
    Act.CLOSE: ("close {r}", "You close the {r.name}."),
    Act.TAKE: ("take {o} from {r}", "You pick up the {o.name} from the {r.name}."),
    Act.CLEAN: ("clean {o} with {r}", "You clean the {o.name} using the {r.name}."),
    Act.HEAT: ("heat {o} with {r}", "You heat the {o.name} using the {r.name}."),
    Act.COOL: ("cool {o} with {r}", "You cool the {o.name} using the {r.name}."),
    Act.USE: ("use {o}", "You turn on the {o.name}."),
    Act.SLICE: ("slice {co} with {ko}", "You sliced the {co.name} with the {ko.name}."),
}
_PUTTING: Mapping[PutWord, tuple[str, str]] = {
    "move": ("move {o} to {r}", "You move the {o.name} to the {r.name}."),
    "put": ("put {o} in/on {r}", "You put the {o.name} in/on the {r.name}."),
}
_PUT_HELP: Mapping[PutWord, tuple[str, str]] = {
    "move": ("  move (object) to (receptacle):", "  place an object in or on a receptacle"),
    "put": ("  put (object) in/on (receptacle):", "  place an object in or on a receptacle"),
}
_HELP: Sequence[tuple[str, str]] = (
    ("look", "look around your current location"),
    ("inventory", "check your current inventory"),
    ("go to (receptacle)", "move to a receptacle"),
    ("open (receptacle)", "open a receptacle"),
    ("close (receptacle)", "close a receptacle"),
    ("take (object) from (receptacle)", "take an object from a receptacle"),
    ("", ""),
    ("examine (something)", "examine a receptacle or an object"),
    ("use (object)", "use an object"),
    ("heat (object) with (receptacle)", "heat an object using a receptacle"),
    ("clean (object) with (receptacle)", "clean an object using a receptacle"),
    ("cool (object) with (receptacle)", "cool an object using a receptacle"),
    ("slice (object) with (object)", "slice an object using a sharp object"),
)


@lru_cache(maxsize=2)
def own_language(put_word: PutWord) -> Language:
    """The language of generated scenes."""
    actions = {**_ACTIONS, Act.PUT: _PUTTING[put_word], Act.HELP: ("help", _help(put_word))}
    grammar = Grammar(
        {
            name: tuple(Rule(read_condition(condition), read_parts(text)) for condition, text in rules)
            for name, rules in _RULES.items()
        },
        {
            act.value[0]: ActionText(read_parts(command), read_parts(answer))
            for act, (command, answer) in actions.items()
        },
    )
    written = json.dumps([_RULES, [[act.value[0], *texts] for act, texts in actions.items()]])
    return Language(written, grammar)


def with_put_word(grammar: str, put_word: PutWord) -> str:
    """A game's grammar with the other word for putting; as it is where it has that word already."""
    other: PutWord = "put" if put_word == "move" else "move"
    for old, new in zip(
        (*_PUTTING[other], "".join(_PUT_HELP[other])), (*_PUTTING[put_word], "".join(_PUT_HELP[put_word])), strict=True
    ):
        grammar = grammar.replace(old, new)
    return grammar


def _help(put_word: PutWord) -> str:
    lines = [f"  {command + ':':<33} {what}" if command else "".join(_PUT_HELP[put_word]) for command, what in _HELP]
    return "\n".join(["Available commands:", *lines, ""])
