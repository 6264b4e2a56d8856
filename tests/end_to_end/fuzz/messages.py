"""Messages at random, made from their descriptors: nearly right, so that they get past the first check.

Ids come from small pools, so what a server must keep of it all is bounded.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from assay.sdk import Json
from assay_server.api.methods import services

MAX_DEPTH: Final = 6
_LONG: Final = 40_000

TEXTS: Final = (
    "", "a", "A: 18", "\\boxed{18}", "so it is\nA: 17", "1e999", "-0", "NaN", "\x00", "\u202e\ufeff", "é" * 300,
    "9" * 500, "((((" * 200, "\\frac{" * 100, "```python\ndef f(n):\n    return n\n```", "```sql\nselect 1\n```",
    "<think>" * 50, "x^" * 200 + "2", "10^10^10^10", "%s%n{0}", "' OR 1=1 --", "look", "null", "[1,2", "\U0001f600" * 9,
)  # fmt: skip

JSONS: Final[Sequence[Json]] = (
    {}, [], None, 0, -1, 1.5, "18", True, {"answer": "18"}, {"answer": None}, {"answer": ["1", {"a": []}]},
    {"answer": "9" * 400}, {"suite": {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}}, {"suite": []},
    {"suite": {"kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 1}]}}, {"kind": "assert"},
    {"gamma": -1e308, "w": True, "norm": "?"}, {"sql": "select 1", "database": "nothing"}, {"": ""},
    {"calls": [{"name": "f", "arguments": {}}], "tools": {}}, {"maxSteps": -1, "difficulty": 7},
    {"answer": "18", "goal": {}, "product": "", "options": 3, "price": "x", "nouns": [1]}, {"weights": [[1], "2"]},
    {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}, {"at_least": {}, "key": "answer", "k": 10**30},
)  # fmt: skip

INTEGERS: Final = (0, 1, 2, 3, 7, 8, 64, 255, 257, 65_537, -1, -2, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63))
NUMBERS: Final = (0.0, 1.0, 0.5, -1.0, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 0.1)


def methods() -> list[MethodDescriptor]:
    """Every method of the contract."""
    return [method for service in services() for method in service.methods]


def request_class(method: MethodDescriptor) -> type[Message]:
    """What a method is asked with."""
    return GetMessageClass(method.input_type)


def _no_words() -> Mapping[str, Sequence[str]]:
    return {}


@dataclass
class Maker:
    """Makes messages.

    Attributes:
        words: texts for fields, by the field's name or ``Message.field``.
    """

    chance: random.Random
    words: Mapping[str, Sequence[str]] = field(default_factory=_no_words)

    def request(self, method: MethodDescriptor) -> Message:
        """A request for a method."""
        made = request_class(method)()
        self._fill(made, 0)
        if method.name == "CreateRun":  # without an id each spec would be a run of its own, kept for good
            setattr(made, "run_id", self.text("run_id", "CreateRunRequest") or "fuzz")  # noqa: B010 - of any message
        return made

    def text(self, name: str, owner: str) -> str:
        """A text for a field."""
        known = self.words.get(f"{owner}.{name}") or self.words.get(name)
        if known and self.chance.random() < 0.85:
            return self.chance.choice(known)
        if name.endswith("_json") or name == "evidence":
            return self._json_text()
        if self.chance.random() < 0.01:
            return self.chance.choice(TEXTS[1:6]) * (_LONG // 8)
        return self.chance.choice(TEXTS)

    def _json_text(self) -> str:
        roll = self.chance.random()
        if roll < 0.1:
            return self.chance.choice(TEXTS)
        if roll < 0.12:
            return "[" * 5000
        return json.dumps(self.chance.choice(JSONS))

    def _fill(self, message: Message, depth: int) -> None:
        share = 0.7 if depth < 2 else 0.4
        chosen = {
            str(oneof.name): self.chance.choice(list(oneof.fields))
            for oneof in message.DESCRIPTOR.oneofs
            if len(oneof.fields) > 1 and self.chance.random() < 0.95
        }
        for one in message.DESCRIPTOR.fields:
            group = one.containing_oneof
            if group is not None and len(group.fields) > 1:
                if chosen.get(str(group.name)) is one:
                    self._set(message, cast("FieldDescriptor", one), depth)
            elif self.chance.random() < share:
                self._set(message, cast("FieldDescriptor", one), depth)

    def _set(self, message: Message, one: FieldDescriptor, depth: int) -> None:
        entry = one.message_type
        if entry is not None and depth >= MAX_DEPTH:
            return
        if one.is_repeated:
            self._extend(message, one, depth)
        elif entry is not None:
            member = cast("Message", getattr(message, one.name))
            member.SetInParent()
            self._member(member, depth)
        else:
            setattr(message, one.name, self._scalar(one))

    def _member(self, member: Message, depth: int) -> None:
        if member.DESCRIPTOR.full_name == "google.protobuf.Duration":
            self._duration(member)
        else:
            self._fill(member, depth + 1)

    def _duration(self, member: Message) -> None:
        seconds, nanos = self.chance.choice(((0, 10**8), (0, 0), (1, 0), (-1, 0), (2**63 - 1, 2**31 - 1), (0, -5)))
        setattr(member, "seconds", seconds)  # noqa: B010 - fields of a message of any type
        setattr(member, "nanos", nanos)  # noqa: B010 - as above

    def _extend(self, message: Message, one: FieldDescriptor, depth: int) -> None:
        count = self.chance.choice((0, 1, 1, 2, 2, 3)) if self.chance.random() < 0.99 else 300
        target = getattr(message, one.name)
        entry = one.message_type
        if entry is not None and entry.GetOptions().map_entry:
            self._put(target, entry, min(count, 3), depth)
        elif entry is not None:
            for _ in range(count if depth < 1 else min(count, 3)):
                self._member(target.add(), depth)
        else:
            target.extend(self._scalar(one) for _ in range(count))

    def _put(self, target: dict[object, object], entry: Descriptor, count: int, depth: int) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(count):
            name = self._scalar(key)
            if value.message_type is not None:
                self._member(cast("Message", target[name]), depth)
            else:
                target[name] = self._scalar(value)

    def _scalar(self, one: FieldDescriptor) -> object:
        return _SCALARS[int(one.type)](self, one)

    def number(self, one: FieldDescriptor) -> float:
        """A floating-point number."""
        del one
        return self.chance.choice(NUMBERS)

    def integer(self, one: FieldDescriptor) -> int:
        """A number that fits the field."""
        value = self.chance.choice(INTEGERS[:6] if self.chance.random() < 0.7 else INTEGERS)
        low, high = _RANGES[int(one.type)]
        return min(max(value, low), high)

    def enum(self, one: FieldDescriptor) -> int:
        """A value of an enum, known or not."""
        known = [int(value.number) for value in one.enum_type.values] if one.enum_type is not None else [0]
        return self.chance.choice(known) if self.chance.random() < 0.95 else self.chance.choice((99, -1, 2**31 - 1))

    def flag(self, one: FieldDescriptor) -> bool:
        """True or false."""
        del one
        return self.chance.random() < 0.5

    def octets(self, one: FieldDescriptor) -> bytes:
        """Any bytes."""
        del one
        return self.chance.randbytes(self.chance.choice((0, 1, 7, 8, 32, 300)))

    def words_for(self, one: FieldDescriptor) -> str:
        """A text."""
        owner = one.containing_type
        assert owner is not None
        return self.text(str(one.name), str(owner.name))


_RANGES: Final[Mapping[int, tuple[int, int]]] = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32),
                    (-(2**31), 2**31 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64),
                    (-(2**63), 2**63 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 2**64 - 1)),
}  # fmt: skip

_SCALARS: Final[Mapping[int, Callable[[Maker, FieldDescriptor], object]]] = {
    **dict.fromkeys(_RANGES, Maker.integer),
    FieldDescriptor.TYPE_DOUBLE: Maker.number,
    FieldDescriptor.TYPE_FLOAT: Maker.number,
    FieldDescriptor.TYPE_ENUM: Maker.enum,
    FieldDescriptor.TYPE_BOOL: Maker.flag,
    FieldDescriptor.TYPE_BYTES: Maker.octets,
    FieldDescriptor.TYPE_STRING: Maker.words_for,
}
