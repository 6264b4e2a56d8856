"""Requests to the HTTP door whose bodies are nearly what the contract asks for."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Final, cast

from assay.json_mapping import message_to_json
from assay.sdk import Json

from .calling import AT_ONCE, DEAR, DEAR_SHARE
from .messages import JSONS, Maker, methods
from .parts import leak_in_json
from .target import Target, check_bytes

_SKIPPED: Final = frozenset({"StreamRollouts", "Interact"})

Page = tuple[str, bytes]


def pages(maker: Maker, count: int) -> Iterator[Page]:
    """Paths and bodies."""
    chance, known = maker.chance, [method for method in methods() if method.name not in _SKIPPED]
    made = 0
    while made < count:
        method = chance.choice(known)
        if method.name in DEAR and chance.random() > DEAR_SHARE:
            continue
        made += 1
        value = cast("Json", message_to_json(maker.request(method)))
        path = f"/v1/{method.containing_service.name}/{method.name}"
        yield path, damaged(value, chance)


def damaged(value: Json, chance: random.Random) -> bytes:
    """The value as JSON; some of it is another one, or not even JSON."""
    roll = chance.random()
    if roll < 0.6:
        value = _other(value, chance, chance.choice((1, 2, 3)))
    text = json.dumps(value).encode()
    if roll > 0.85:
        place = chance.randrange(len(text) + 1)
        text = (
            text[:place] + chance.choice((b"", b"\x00", b"\xff", b"[" * 9000, b"1" * 5000, b"}", b"NaN")) + text[place:]
        )
    return text


def _other(value: Json, chance: random.Random, levels: int) -> Json:
    """The value with another one somewhere below."""
    if levels and isinstance(value, dict) and value:
        name = chance.choice(list(value))
        changed = dict(value)
        inner = _other(changed.pop(name), chance, levels - 1)
        return changed | {name if chance.random() < 0.9 else name + "_": inner}
    if levels and isinstance(value, list) and value:
        place = chance.randrange(len(value))
        return [*value[:place], _other(value[place], chance, levels - 1), *value[place + 1 :]]
    return chance.choice(JSONS)


async def post_all(target: Target, every: Iterator[Page]) -> dict[int, int]:
    """Post, some at a time; how often each status came. Fails on the first that must not be."""
    statuses: dict[int, int] = {}

    async def work() -> None:
        for path, body in every:
            answer = await target.http.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code < 500, f"{path} was sent {body[:4000]!r}: {answer.text}"
            if answer.status_code >= 400:
                assert not leak_in_json(answer.json()), f"{path} was sent {body[:4000]!r}: {answer.text}"
            elif "Sandbox" not in path:
                check_bytes(answer.content)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return statuses
