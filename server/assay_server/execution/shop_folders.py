"""Catalogues of the shop in folders of WebShop's files.

A folder holds ``items_shuffle*.json`` (or ``products.json``) and may hold ``items_ins_v2*.json`` (``attributes.json``),
``items_human_ins*.json`` (``human_instructions.json``), ``reviews.json`` and ``nouns.json``. Where several files fit
one name, the first in alphabetical order is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.shop.catalogue import ShopCatalogue
from assay_server.environments.shop.loading import ShopFiles, load_catalogue
from assay_server.environments.shop.products import InvalidCatalogue

_PRODUCTS = ("products.json", "items_shuffle*.json")
_ATTRIBUTES = ("attributes.json", "items_ins_v2*.json")
_INSTRUCTIONS = ("human_instructions.json", "items_human_ins*.json")
_REVIEWS = ("reviews.json",)
_NOUNS = ("nouns.json",)
_CHUNK_CHARACTERS = 4 * 1024 * 1024
_BETWEEN = " \t\r\n,"
_NOT_WHITE = re.compile(r"[^ \t\r\n]")
_SKIPPED = re.compile(r"[ \t\r\n,]*")


class ShopFolders:
    """Reads the folders that names stand for, each once in a process.

    Args:
        folders: name -> folder; None = a name is a path, which is for the command line only.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None) -> None:
        self._folders = folders
        self._read: dict[Path, ShopCatalogue] = {}

    def catalogue(self, name: str) -> ShopCatalogue:
        """The catalogue in a folder.

        Raises:
            InvalidOptions: there is no such folder, or its files cannot be read.
        """
        folder = Path(name).resolve() if self._folders is None else self._folders.get(name)
        if folder is None:
            known = ", ".join(sorted(self._folders or ())) or "none"
            raise InvalidOptions("catalogue", f"there is no catalogue called {name[:80]!r}; there are: {known}")
        if folder not in self._read:
            try:
                self._read[folder] = read_shop_folder(folder)
            except (OSError, ValueError, InvalidCatalogue) as error:
                raise InvalidOptions("catalogue", f"{name[:200]}: {error}") from error
        return self._read[folder]


def read_shop_folder(folder: Path) -> ShopCatalogue:
    """The catalogue in a folder; products are read one after the other, so that their text is held only once.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is no JSON of the expected shape.
        InvalidCatalogue: a record is not as WebShop's loader needs it.
    """
    products = _file(folder, _PRODUCTS)
    if products is None:
        raise FileNotFoundError(f"no {' or '.join(_PRODUCTS)} in {folder}")
    nouns = _file(folder, _NOUNS)
    return load_catalogue(
        ShopFiles(
            products=_records(products),
            attributes=_object(_file(folder, _ATTRIBUTES)),
            human_instructions=_object(_file(folder, _INSTRUCTIONS)),
            reviews=_reviews(_file(folder, _REVIEWS)),
            nouns=None if nouns is None else _nouns(nouns),
        )
    )


def _file(folder: Path, patterns: tuple[str, ...]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)


def _records(path: Path) -> Iterator[Mapping[str, Json]]:
    for value in array_items(path):
        if not isinstance(value, dict):
            raise InvalidCatalogue(f"{path.name}: expected a list of objects, got {str(value)[:80]}")
        yield value


def array_items(path: Path, chunk_characters: int = _CHUNK_CHARACTERS) -> Iterator[Json]:
    """The items of a JSON array in a file, one after the other.

    Raises:
        ValueError: the file is no JSON array.
    """
    with path.open(encoding="utf-8") as source:
        text, at = source.read(chunk_characters), 0
        while not (start := _NOT_WHITE.search(text)) and (more := source.read(chunk_characters)):
            text += more
        if not start or start.group() != "[":
            raise ValueError(f"{path.name}: expected a JSON array")
        at = start.end()
        while True:
            for value, end in _whole_items(text, at):
                yield value
                at = end
            rest = text[at:].lstrip(_BETWEEN)
            if rest.startswith("]"):
                return
            more = source.read(max(chunk_characters, len(rest)))
            if not more:
                raise ValueError(f"{path.name}: the array breaks off or is no JSON at {rest[:60]!r}")
            text, at = rest + more, 0


def _whole_items(text: str, at: int) -> Iterator[tuple[Json, int]]:
    """The items from a place on, each with where it ends, up to one that may go on behind the text."""
    decoder = JSONDecoder()
    while (start := cast("re.Match[str]", _SKIPPED.match(text, at)).end()) < len(text) and text[start] != "]":
        try:
            value, at = cast("tuple[Json, int]", decoder.raw_decode(text, start))
        except JSONDecodeError:
            return
        end = _NOT_WHITE.search(text, at)
        if not end or end.group() not in ",]":
            return
        yield value, at


def _object(path: Path | None) -> Mapping[str, Json]:
    if path is None:
        return {}
    value = cast("Json", json.loads(path.read_bytes()))
    if not isinstance(value, dict):
        raise InvalidCatalogue(f"{path.name}: expected a JSON object")
    return value


def _reviews(path: Path | None) -> Mapping[str, Mapping[str, Json]]:
    if path is None:
        return {}
    return {str(entry.get("asin")): entry for entry in _records(path)}


def _nouns(path: Path) -> list[str]:
    value = cast("Json", json.loads(path.read_bytes()))
    if not isinstance(value, list) or not all(isinstance(noun, str) for noun in value):
        raise InvalidCatalogue(f"{path.name}: expected a list of texts")
    return cast("list[str]", value)
