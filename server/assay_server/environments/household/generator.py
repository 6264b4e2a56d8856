"""Scenes out of nothing but a seed: rooms, things, a task, and always a way to do it.

A scene is solvable because of how it is made. Every receptacle can be gone to, and opened where it has a door; the
things that the task needs can be picked up and start in a receptacle; the appliance that it needs is in the room; and
where things are to be brought takes them. Things to bring never start where they are to be brought, and nothing is hot,
cool, clean or sliced at the start, so no scene is solved before it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal, TypeAlias, get_args
from weakref import WeakValueDictionary

from assay_server.environments.household.own_language import PutWord, own_language
from assay_server.environments.household.pddl import Fact, Node, read_nodes
from assay_server.environments.household.scene import Scene
from assay_server.environments.household.tables import LAMP, OBJECT_KINDS, RECEPTACLE_KINDS, ROOMS, ObjectKind

TaskType: TypeAlias = Literal[
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
]
Difficulty: TypeAlias = Literal["easy", "medium", "hard"]

TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)
_SCENES_KEPT = 256
_VERSION = "household-1"


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """What a scene is made from; equal specs give equal scenes.

    Attributes:
        task: drawn from the seed where it is None.
        difficulty: how many receptacles and objects there are, and how much of that is behind doors.
        sliced: whether the task may ask for a slice; only food can be sliced.
    """

    seed: int
    task: TaskType | None = None
    difficulty: Difficulty = "medium"
    sliced: bool = False
    put_word: PutWord = "move"


@dataclass(frozen=True, slots=True)
class _Size:
    """How large scenes of a difficulty are.

    Attributes:
        share: of the span between the fewest and the most receptacles of a kind.
        objects: the fewest and the most, beside those that the task needs.
        hidden: how likely a thing that the task needs starts behind a door, where there is one.
        together: how likely a receptacle shares its place with another one.
    """

    share: float
    objects: tuple[int, int]
    hidden: float
    together: float


_SIZES: Mapping[Difficulty, _Size] = {
    "easy": _Size(0.0, (4, 8), 0.0, 0.0),
    "medium": _Size(0.6, (12, 24), 0.4, 0.15),
    "hard": _Size(1.0, (26, 42), 0.9, 0.25),
}
_TREATMENTS: Mapping[TaskType, tuple[str, str, str, str]] = {
    "pick_clean_then_place_in_recep": ("c", "isclean", "cleanable", "clean"),
    "pick_heat_then_place_in_recep": ("h", "ishot", "heatable", "heat"),
    "pick_cool_then_place_in_recep": ("f", "iscool", "coolable", "cool"),
}
_ADJECTIVES = {"clean": "clean", "heat": "hot", "cool": "cool"}
_ABLE = {"c": "cleanable", "h": "heatable", "f": "coolable", "s": "sliceable", "v": "isreceptacleobject"}
_AGENT = "agent1"


_PLAYED: WeakValueDictionary[SceneSpec, Scene] = WeakValueDictionary()


@lru_cache(maxsize=_SCENES_KEPT)
def generate(spec: SceneSpec) -> Scene:
    """The scene of a spec. One that is being played or was made lately is shared: the members of a group have one."""
    scene = _PLAYED.get(spec)
    if scene is None:
        scene = _PLAYED[spec] = _Making(spec).scene()
    return scene


class _Making:
    """A scene in the making."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        self._size = _SIZES[spec.difficulty]
        drawn_from = f"{_VERSION}/{spec.seed}/{spec.task}/{spec.difficulty}/{spec.sliced}"
        self._rng = Random(drawn_from)  # noqa: S311 - a game's scene, not a secret
        self._facts: list[Fact] = []
        self._types: dict[str, str] = {_AGENT: "agent"}
        self._by_kind: dict[str, list[str]] = {}
        self._place_of: dict[str, str] = {}
        self._closed: set[str] = set()
        self._target = self._goal_kind = ""

    def scene(self) -> Scene:
        """Everything in its order: the room, the task, what the task needs, the rest."""
        rng, spec = self._rng, self._spec
        task = spec.task or rng.choice(TASK_TYPES)
        sliced = spec.sliced and rng.random() < 0.5 and task != "look_at_obj_in_light"
        room = self._room_for(task, sliced=sliced)
        self._furnish(room)
        target, goal_kind = self._choose(task, room, sliced=sliced)
        self._target, self._goal_kind = target.name, goal_kind
        for _ in range(2 if task == "pick_two_obj_and_place" else 1):
            self._place_object(target, hide=True)
        if task == "look_at_obj_in_light":
            self._place_object(LAMP, hide=False)
        if sliced:
            self._place_object(OBJECT_KINDS[rng.choice(("knife", "butterknife"))], hide=False)
        self._fill(room)
        self._facts.append(("atlocation", _AGENT, self._new_place()))
        self._declare_kinds()
        goal = _goal(task, target.name, goal_kind, sliced=sliced)
        sentence = _sentence(rng, task, target.name, goal_kind, sliced=sliced)
        key = repr((_VERSION, spec.seed, spec.task, spec.difficulty, spec.sliced, spec.put_word))
        return Scene(self._types, self._facts, goal, own_language(spec.put_word), task=sentence, key=key)

    def _room_for(self, task: TaskType, *, sliced: bool) -> str:
        if sliced or task in ("pick_heat_then_place_in_recep", "pick_cool_then_place_in_recep"):
            return "kitchen"
        if task == "look_at_obj_in_light":
            return self._rng.choice(("livingroom", "bedroom"))
        if task == "pick_clean_then_place_in_recep":
            return self._rng.choice(("kitchen", "kitchen", "bathroom"))
        return self._rng.choice(ROOMS)

    def _furnish(self, room: str) -> None:
        rng = self._rng
        places: list[str] = []
        for kind in RECEPTACLE_KINDS.values():
            low, high = kind.rooms.get(room, (0, 0))
            top = low + round((high - low) * self._size.share)
            for _ in range(rng.randint(low, top) if top else 0):
                name = self._new_thing(kind.name, "receptacle")
                together = places and rng.random() < self._size.together
                place = rng.choice(places) if together else self._new_place()
                places.append(place)
                self._place_of[name] = place
                self._facts += [("receptacletype", name, f"{kind.name}type"), ("receptacleatlocation", name, place)]
                if rng.random() < kind.door:
                    self._facts.append(("openable", name))
                    self._closed.add(name)

    def _choose(self, task: TaskType, room: str, *, sliced: bool) -> tuple[ObjectKind, str]:
        """What is to be brought, and the kind of receptacle it is brought to (none where it is looked at)."""
        able = (_TREATMENTS[task][0] if task in _TREATMENTS else "") + ("s" if sliced else "")
        choices = [
            (kind, goal)
            for kind in OBJECT_KINDS.values()
            if room in kind.rooms and not kind.fixed and all(one in kind.able for one in able)
            for goal in ([""] if task == "look_at_obj_in_light" else sorted(self._by_kind.keys() & kind.holders))
            if any(holder != goal and holder in self._by_kind for holder in kind.holders)
        ]
        return self._rng.choice(choices)

    def _fill(self, room: str) -> None:
        rng = self._rng
        kinds = [kind for kind in OBJECT_KINDS.values() if room in kind.rooms]
        for kind in rng.choices(kinds, k=rng.randint(*self._size.objects)):
            if kind.fixed and not kind.holders:
                self._add_object(kind, "", self._new_place())
            elif kind.holders & self._by_kind.keys():
                self._place_object(kind, hide=False)

    def _place_object(self, kind: ObjectKind, *, hide: bool) -> None:
        rng = self._rng
        holders = sorted(kind.holders & self._by_kind.keys())
        if kind.name == self._target:
            holders = [holder for holder in holders if holder != self._goal_kind]
        among = [name for holder in holders for name in self._by_kind[holder]]
        closed = [name for name in among if name in self._closed]
        if hide and closed and rng.random() < self._size.hidden:
            among = closed
        where = rng.choice(among)
        self._add_object(kind, where, self._place_of[where])

    def _add_object(self, kind: ObjectKind, where: str, place: str) -> None:
        name = self._new_thing(kind.name, "object")
        self._facts += [("objecttype", name, f"{kind.name}type"), ("objectatlocation", name, place)]
        if where:
            self._facts.append(("inreceptacle", name, where))
        if not kind.fixed:
            self._facts.append(("pickupable", name))
        if kind is LAMP:
            self._facts.append(("toggleable", name))
        self._facts += [(_ABLE[letter], name) for letter in kind.able]

    def _declare_kinds(self) -> None:
        receptacles = {kind for kind in self._by_kind if kind in RECEPTACLE_KINDS}
        for name in self._by_kind:
            self._types[f"{name}type"] = "rtype" if name in receptacles else "otype"
            if name not in receptacles:
                holders = sorted(OBJECT_KINDS[name].holders & receptacles)
                self._facts += [("cancontain", f"{holder}type", f"{name}type") for holder in holders]

    def _new_thing(self, kind: str, declared: str) -> str:
        base = kind.removesuffix("basin")
        while True:
            name = f"{base}_bar_{self._coordinates()}" + (f"_bar_{kind}" if base != kind else "")
            if name not in self._types:
                self._types[name] = declared
                self._by_kind.setdefault(kind, []).append(name)
                return name

    def _new_place(self) -> str:
        while True:
            name = f"loc_bar_{self._rng.getrandbits(16)}"
            if name not in self._types:
                self._types[name] = "location"
                return name

    def _coordinates(self) -> str:
        bits = self._rng.getrandbits(27)
        return f"{_COORDINATES[bits & 511]}_bar_{_COORDINATES[bits >> 9 & 511]}_bar_{_COORDINATES[bits >> 18]}"


def _coordinate(bits: int) -> str:
    hundredths = bits - 256
    if not hundredths:
        return "00_dot_00"
    sign = "plus" if hundredths > 0 else "minus"
    return f"_{sign}_{abs(hundredths) // 100:02d}_dot_{abs(hundredths) % 100:02d}"


_COORDINATES = [_coordinate(bits) for bits in range(512)]


def _goal(task: TaskType, target: str, where: str, *, sliced: bool) -> Node:
    if task == "look_at_obj_in_light":
        return read_nodes(
            f"""(and (exists (?t - object ?r - receptacle ?a - agent ?l - location)
                (and (objectType ?t {LAMP.name}Type) (toggleable ?t) (isToggled ?t) (receptacleAtLocation ?r ?l)
                     (atLocation ?a ?l) (inReceptacle ?t ?r)))
            (exists (?o - object ?a - agent) (and (objectType ?o {target}Type) (holds ?a ?o))))"""
        )[0]
    names = ("?o", "?p") if task == "pick_two_obj_and_place" else ("?o",)
    facts = [f"(receptacleType ?r {where}Type)", *(["(not (= ?o ?p))"] if len(names) == 2 else [])]
    flags = (*(_TREATMENTS[task][1:3] if task in _TREATMENTS else ()), *(("sliceable", "isSliced") if sliced else ()))
    for name in names:
        facts += [f"(objectType {name} {target}Type)", *(f"({flag} {name})" for flag in flags)]
        facts.append(f"(inReceptacle {name} ?r)")
    return read_nodes(f"(exists (?r - receptacle {' '.join(names)} - object) (and {' '.join(facts)}))")[0]


def _sentence(rng: Random, task: TaskType, target: str, where: str, *, sliced: bool) -> str:
    thing = f"sliced {target}" if sliced else target
    sentences: Sequence[str]
    if task == "look_at_obj_in_light":
        sentences = (f"look at {thing} under the desklamp", f"examine the {thing} with the desklamp")
    elif task == "pick_two_obj_and_place":
        sentences = (f"put two {thing} in {where}", f"find two {thing} and put them in {where}")
    elif task in _TREATMENTS:
        verb = _TREATMENTS[task][3]
        sentences = (f"put a {_ADJECTIVES[verb]} {thing} in {where}", f"{verb} some {thing} and put it in {where}")
    else:
        sentences = (f"put a {thing} in {where}", f"put some {thing} on {where}")
    return rng.choice(sentences)
