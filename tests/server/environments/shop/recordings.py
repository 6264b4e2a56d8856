"""What the real WebShop computed and showed, where the shared data is there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.environments.shop.catalogue import ShopCatalogue
from assay_server.execution.shop_folders import read_shop_folder

FOLDER = Path(__file__).resolve().parents[5] / "shared" / "data" / "webshop"

Record = dict[str, Json]


def needs_recordings() -> None:
    if not FOLDER.exists():
        pytest.skip(f"the shared data is absent: {FOLDER}")


def _text(name: str) -> str:
    path = FOLDER / name
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")


@cache
def read(name: str) -> Json:
    return cast("Json", json.loads(_text(name)))


def lines(name: str) -> list[Record]:
    return [cast("Record", json.loads(line)) for line in _text(name).splitlines()]


@cache
def catalogue() -> ShopCatalogue:
    return read_shop_folder(FOLDER)


def nouns() -> list[str]:
    return cast("list[str]", read("nouns.json"))


@cache
def goals(kind: str) -> tuple[list[Record], Mapping[str, float]]:
    content = cast("Record", read(f"goals_{kind}.json.gz"))
    return cast("list[Record]", content["goals"]), cast("Mapping[str, float]", content["prices"])


def episodes() -> list[Record]:
    return cast("list[Record]", read("episodes.json.gz"))


def options_of(episode: Record, observation: str) -> Record:
    """The options that set an episode of ours in the place of a recorded one."""
    made, prices = goals(cast("str", episode["goals"]))
    number = cast("int", episode["goal"])
    return {
        "catalogue": str(FOLDER),
        "goal": made[number],
        "session": number,
        "prices": dict(prices),
        "nouns": cast("Json", nouns()),
        "searches": episode["searches"],
        "observation": observation,
        "showAttributes": episode["show_attrs"],
    }
