"""What changes while a game is played, and a running digest of it.

Things (objects, receptacles, places, the agent) are numbers in order of their ids, so a sorted tuple of numbers is in
the order in which a game lists them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from assay.sdk import Json

if TYPE_CHECKING:
    from assay_server.environments.household.scene import Scene

EMPTY_HAND = -1
_MARKS_KEPT = 1 << 16


class Flag(IntEnum):
    """Facts about one thing that actions change; the value is its place in :attr:`State.flags`."""

    OPENED = 0
    HOT = 1
    COOL = 2
    CLEAN = 3
    SLICED = 4
    TOGGLED = 5
    ON = 6


_IN, _NEAR, _LEFT, _AT, _HELD = range(10, 15)


@lru_cache(maxsize=_MARKS_KEPT)
def _mark(code: int, first: int, second: int) -> int:
    """A number of 256 bits for one fact."""
    return int.from_bytes(hashlib.sha256(b"%d %d %d" % (code, first, second)).digest(), "big")


class State:
    """One state of a game. Changed only through its methods, which keep ``mark``, the sum of the marks of all facts.

    Attributes:
        scene: what never changes.
        place: where the agent is.
        hand: what it holds, or :data:`EMPTY_HAND`.
        flags: for each :class:`Flag` the things it holds for, as bits.
        contents: what is in each receptacle, sorted.
        near: which objects are at each place, sorted; a fact of its own, which may differ from the contents.
        left: (object, receptacle) pairs: was taken from there, and is not there now.
    """

    __slots__ = ("contents", "flags", "hand", "left", "mark", "near", "place", "scene")

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.place = -1
        self.hand = EMPTY_HAND
        self.flags = [0] * len(Flag)
        self.contents: dict[int, tuple[int, ...]] = {}
        self.near: dict[int, tuple[int, ...]] = {}
        self.left: set[tuple[int, int]] = set()
        self.mark = 0

    def copy(self) -> State:
        """An equal state that changes by itself."""
        other = State.__new__(State)
        other.scene = self.scene
        other.place = self.place
        other.hand = self.hand
        other.flags = self.flags.copy()
        other.contents = self.contents.copy()
        other.near = self.near.copy()
        other.left = self.left.copy()
        other.mark = self.mark
        return other

    def has(self, flag: Flag, thing: int) -> bool:
        """Whether the flag is set for a thing."""
        return self.flags[flag] >> thing & 1 == 1

    def set_flag(self, flag: Flag, thing: int) -> None:
        """Set it; nothing changes where it is set."""
        if not self.flags[flag] >> thing & 1:
            self.flags[flag] |= 1 << thing
            self.mark += _mark(flag, thing, 0)

    def clear_flag(self, flag: Flag, thing: int) -> None:
        """Clear it; nothing changes where it is not set."""
        if self.flags[flag] >> thing & 1:
            self.flags[flag] ^= 1 << thing
            self.mark -= _mark(flag, thing, 0)

    def move_to(self, place: int) -> None:
        """The agent goes there."""
        if self.place >= 0:
            self.mark -= _mark(_AT, self.place, 0)
        self.place = place
        self.mark += _mark(_AT, place, 0)

    def hold(self, thing: int) -> None:
        """The empty hand takes it, from nowhere."""
        self.hand = thing
        self.mark += _mark(_HELD, thing, 0)

    def let_go(self) -> None:
        """The hand lets go of what it holds."""
        self.mark -= _mark(_HELD, self.hand, 0)
        self.hand = EMPTY_HAND

    def put_in(self, thing: int, receptacle: int) -> None:
        """It is in there from now on."""
        held = self.contents.get(receptacle, ())
        if thing in held:
            return
        self.contents[receptacle] = tuple(sorted((*held, thing)))
        self.mark += _mark(_IN, thing, receptacle)
        if (thing, receptacle) in self.left:
            self.left.remove((thing, receptacle))
            self.mark -= _mark(_LEFT, thing, receptacle)

    def take_out(self, thing: int, receptacle: int) -> None:
        """It is in there no longer, which is remembered."""
        self.contents[receptacle] = tuple(one for one in self.contents[receptacle] if one != thing)
        self.mark -= _mark(_IN, thing, receptacle)
        self.remember_left(thing, receptacle)

    def remember_left(self, thing: int, receptacle: int) -> None:
        """It was in there once."""
        self.left.add((thing, receptacle))
        self.mark += _mark(_LEFT, thing, receptacle)

    def bring_near(self, thing: int, place: int) -> None:
        """It is at that place, perhaps at others too."""
        there = self.near.get(place, ())
        if thing not in there:
            self.near[place] = tuple(sorted((*there, thing)))
            self.mark += _mark(_NEAR, thing, place)

    def take_away(self, thing: int, place: int) -> None:
        """It is at that place no longer; nothing changes where it was not."""
        there = self.near.get(place, ())
        if thing in there:
            self.near[place] = tuple(one for one in there if one != thing)
            self.mark -= _mark(_NEAR, thing, place)

    def flagged(self, flag: Flag) -> Iterator[int]:
        """The things it is set for, in order."""
        bits = self.flags[flag]
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest

    def digest(self) -> str:
        """64 hex digits over the scene and everything here."""
        return hashlib.sha256(self.scene.digest + (self.mark & ((1 << 256) - 1)).to_bytes(32, "big")).hexdigest()

    def to_lists(self) -> list[object]:
        """Everything, as plain lists of numbers; equal states give equal lists."""
        return [
            self.place,
            self.hand,
            [f"{bits:x}" for bits in self.flags],
            [[key, *held] for key, held in sorted(self.contents.items()) if held],
            [[key, *there] for key, there in sorted(self.near.items()) if there],
            [list(pair) for pair in sorted(self.left)],
        ]


def state_of(
    scene: Scene,
    place: int,
    hand: int,
    flags: list[int],
    contents: dict[int, tuple[int, ...]],
    near: dict[int, tuple[int, ...]],
    left: list[tuple[int, int]],
) -> State:
    """A state of its facts."""
    state = State(scene)
    state.move_to(place)
    if hand != EMPTY_HAND:
        state.hold(hand)
    state.flags = list(flags)
    state.contents = {receptacle: tuple(sorted(held)) for receptacle, held in contents.items()}
    state.near = {where: tuple(sorted(there)) for where, there in near.items()}
    mark = state.mark
    for flag in Flag:
        mark += sum(_mark(flag, thing, 0) for thing in state.flagged(flag))
    mark += sum(_mark(_IN, thing, key) for key, held in state.contents.items() for thing in held)
    mark += sum(_mark(_NEAR, thing, key) for key, there in state.near.items() for thing in there)
    state.mark = mark
    for thing, receptacle in left:
        state.remember_left(thing, receptacle)
    return state


def state_from_lists(scene: Scene, lists: Sequence[Json]) -> State:
    """The state that :meth:`State.to_lists` wrote.

    Raises:
        ValueError: a number names nothing in the scene; or TypeError, KeyError: it is something else altogether.
    """
    place, hand, flags, contents, near, left = cast("tuple[int, int, list[str], _Rows, _Rows, _Rows]", lists)
    bits = [int(one, 16) for one in flags]
    named = [place, max(hand, 0), *(number for rows in (contents, near, left) for row in rows for number in row)]
    if any(not 0 <= number < len(scene.names) for number in named) or max(bits).bit_length() > len(scene.names):
        raise ValueError("it names things that are not in the scene")
    if len(bits) != len(Flag):
        raise ValueError(f"it has {len(bits)} flags; expected {len(Flag)}")
    return state_of(
        scene,
        place,
        hand,
        bits,
        {key: tuple(held) for key, *held in contents},
        {key: tuple(there) for key, *there in near},
        [(thing, receptacle) for thing, receptacle in left],
    )


_Rows: TypeAlias = "list[list[int]]"
