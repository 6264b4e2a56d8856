"""Which rooms, receptacles and objects generated scenes are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ReceptacleKind:
    """A kind of receptacle.

    Attributes:
        door: how likely one can be opened and starts closed.
        rooms: by room the fewest and the most there are.
    """

    name: str
    door: float
    rooms: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of object.

    Attributes:
        able: what can be done with it: c(leaned), h(eated), f(ridge: cooled), s(liced), v(essel: holds things).
        fixed: it cannot be picked up.
        rooms: where it is found.
        holders: the receptacles that take it.
    """

    name: str
    able: str
    fixed: bool
    rooms: frozenset[str]
    holders: frozenset[str]


_RECEPTACLES = """
cabinet        0.9 kitchen 3-9 bathroom 1-4 livingroom 0-2
drawer         0.8 kitchen 2-7 bathroom 0-4 livingroom 1-4 bedroom 2-6
countertop     0   kitchen 1-3 bathroom 1-1
shelf          0   kitchen 0-3 bathroom 0-1 livingroom 0-4 bedroom 1-4
stoveburner    0   kitchen 2-4
fridge         1   kitchen 1-1
microwave      1   kitchen 1-1
sinkbasin      0   kitchen 1-1 bathroom 1-2
coffeemachine  0   kitchen 1-1
toaster        0   kitchen 1-1
garbagecan     0   kitchen 1-1 bathroom 1-1 livingroom 1-1 bedroom 1-1
diningtable    0   kitchen 0-2 livingroom 0-1
sidetable      0   kitchen 0-1 livingroom 1-3 bedroom 1-2
coffeetable    0   livingroom 1-2
sofa           0   livingroom 1-2
armchair       0   livingroom 1-2 bedroom 0-1
ottoman        0   livingroom 0-1
tvstand        0   livingroom 1-1
dresser        0   livingroom 0-1 bedroom 1-1
safe           1   livingroom 0-1 bedroom 0-1
desk           0   livingroom 0-1 bedroom 1-2
bed            0   bedroom 1-1
laundryhamper  1   bedroom 0-1 bathroom 0-1
toilet         0   bathroom 1-1
bathtubbasin   0   bathroom 0-1
towelholder    0   bathroom 1-2
handtowelholder 0  bathroom 1-2
toiletpaperhanger 0 bathroom 1-1
cart           0   bathroom 0-1
"""

_KITCHEN = "countertop diningtable sidetable"
_TABLES = "countertop diningtable sidetable coffeetable desk dresser tvstand shelf"
_SEATS = "sofa armchair ottoman bed"

_OBJECTS = f"""
apple        chfs kitchen                fridge microwave sinkbasin garbagecan {_KITCHEN}
tomato       chfs kitchen                fridge microwave sinkbasin garbagecan {_KITCHEN}
potato       chfs kitchen                fridge microwave sinkbasin garbagecan {_KITCHEN}
lettuce      cfs  kitchen                fridge sinkbasin garbagecan {_KITCHEN}
bread        hfs  kitchen                fridge microwave garbagecan {_KITCHEN}
egg          chf  kitchen                fridge microwave sinkbasin garbagecan {_KITCHEN}
mug          chfv kitchen,bedroom        cabinet shelf fridge microwave sinkbasin coffeemachine desk drawer {_KITCHEN}
cup          chfv kitchen                cabinet shelf fridge microwave sinkbasin {_KITCHEN}
plate        chfv kitchen                cabinet shelf fridge microwave sinkbasin {_KITCHEN} coffeetable
bowl         cfv  kitchen,livingroom     cabinet shelf fridge sinkbasin {_TABLES}
pan          cfv  kitchen                cabinet stoveburner fridge sinkbasin {_KITCHEN}
pot          cfv  kitchen                cabinet stoveburner fridge sinkbasin shelf {_KITCHEN}
winebottle   f    kitchen                cabinet fridge garbagecan {_KITCHEN}
fork         c    kitchen                drawer sinkbasin {_KITCHEN}
spoon        c    kitchen                drawer sinkbasin {_KITCHEN}
knife        c    kitchen                drawer sinkbasin {_KITCHEN}
butterknife  c    kitchen                drawer sinkbasin {_KITCHEN}
spatula      c    kitchen                drawer sinkbasin {_KITCHEN}
ladle        c    kitchen                cabinet drawer sinkbasin {_KITCHEN}
dishsponge   c    kitchen,bathroom       cabinet drawer sinkbasin bathtubbasin cart shelf toilet {_KITCHEN}
saltshaker   -    kitchen                cabinet drawer shelf {_KITCHEN}
peppershaker -    kitchen                cabinet drawer shelf {_KITCHEN}
kettle       c    kitchen                cabinet stoveburner sinkbasin shelf {_KITCHEN}
glassbottle  c    kitchen                cabinet fridge sinkbasin garbagecan {_KITCHEN}
creditcard   -    kitchen,livingroom,bedroom drawer {_TABLES} armchair sofa
statue       -    livingroom             {_TABLES} safe
vase         -    livingroom,kitchen     cabinet {_TABLES} safe
book         -    livingroom,bedroom     drawer cabinet {_TABLES} {_SEATS}
newspaper    -    livingroom             drawer garbagecan {_TABLES} {_SEATS}
remotecontrol -   livingroom             drawer {_TABLES} {_SEATS}
watch        -    livingroom,bedroom     drawer safe {_TABLES}
keychain     -    livingroom,bedroom     drawer safe {_TABLES} armchair sofa
laptop       -    livingroom,bedroom     {_TABLES} {_SEATS}
pillow       -    livingroom,bedroom     {_SEATS}
box          v    livingroom,bedroom     {_TABLES} {_SEATS}
tissuebox    -    livingroom,bathroom    cabinet cart toilet {_TABLES}
candle       -    bathroom,livingroom    cabinet cart toilet drawer {_TABLES}
pen          -    bedroom,livingroom     drawer garbagecan {_TABLES} bed
pencil       -    bedroom,livingroom     drawer garbagecan {_TABLES} bed
cd           -    bedroom                drawer safe garbagecan {_TABLES} bed
cellphone    -    bedroom,livingroom     drawer safe {_TABLES} {_SEATS}
alarmclock   -    bedroom                drawer {_TABLES}
baseballbat  -    bedroom                bed desk dresser
cloth        c    bathroom,bedroom       drawer cabinet sinkbasin bathtubbasin laundryhamper cart toilet countertop bed
soapbar      c    bathroom               drawer cabinet sinkbasin bathtubbasin cart toilet countertop garbagecan shelf
soapbottle   -    bathroom               drawer cabinet sinkbasin cart toilet countertop garbagecan shelf
spraybottle  -    bathroom               drawer cabinet cart toilet countertop garbagecan shelf
toiletpaper  -    bathroom               drawer cabinet cart toilet countertop garbagecan shelf toiletpaperhanger
towel        -    bathroom               towelholder bathtubbasin cart
handtowel    -    bathroom               handtowelholder sinkbasin cart
plunger      -    bathroom               cabinet cart
"""
_FIXED = """
stoveknob    kitchen    lightswitch kitchen,livingroom,bedroom,bathroom    window kitchen,livingroom,bedroom
chair        kitchen,livingroom,bedroom    mirror bathroom,bedroom    painting livingroom,bedroom
"""

ROOMS = ("kitchen", "livingroom", "bedroom", "bathroom")
LAMP = ObjectKind(
    "desklamp",
    "",
    True,
    frozenset({"livingroom", "bedroom"}),
    frozenset({"desk", "dresser", "sidetable", "shelf", "coffeetable"}),
)


def _read_receptacles() -> dict[str, ReceptacleKind]:
    kinds: dict[str, ReceptacleKind] = {}
    for line in _RECEPTACLES.strip().splitlines():
        name, door, *rooms = line.split()
        counts = {
            room: (int(low), int(high))
            for room, (low, _, high) in zip(rooms[::2], map(_span, rooms[1::2]), strict=True)
        }
        kinds[name] = ReceptacleKind(name, float(door), counts)
    return kinds


def _span(text: str) -> tuple[str, str, str]:
    return text.partition("-")


def _read_objects() -> dict[str, ObjectKind]:
    kinds: dict[str, ObjectKind] = {}
    for line in _OBJECTS.strip().splitlines():
        name, able, rooms, *holders = line.split()
        kinds[name] = ObjectKind(name, able.strip("-"), False, frozenset(rooms.split(",")), frozenset(holders))
    fixed = _FIXED.split()
    for name, rooms in zip(fixed[::2], fixed[1::2], strict=True):
        kinds[name] = ObjectKind(name, "", True, frozenset(rooms.split(",")), frozenset())
    return {**kinds, LAMP.name: LAMP}


RECEPTACLE_KINDS: Mapping[str, ReceptacleKind] = MappingProxyType(_read_receptacles())
OBJECT_KINDS: Mapping[str, ObjectKind] = MappingProxyType(_read_objects())
