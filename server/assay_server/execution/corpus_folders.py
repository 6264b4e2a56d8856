"""Corpora on disk.

A corpus is a folder of JSON Lines files. ``questions.jsonl`` has ``{"question", "answer" or "answers", "supports"?:
[{"base", "document"}], "split"?}`` a line; every other file is a knowledge base of its name, with ``{"id"?, "title"?,
"text"}`` a line. A document without an id is known by its line, counted from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from assay.sdk import Json, Unscorable
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.tools.corpus import Corpus, CorpusQuestion, Document, KnowledgeBase, Support
from assay_server.rewards.qa_answers import golds_of

_QUESTIONS = "questions"


class InvalidCorpus(Exception):
    """A file of a corpus is not as it should be; the message names file and line."""


class CorpusFolders:
    """Satisfies :class:`assay_server.environments.tools.corpus.Corpora` with folders, each read once in a process.

    Args:
        folders: name -> folder; None = a name is a path, which is for the command line only.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None) -> None:
        self._folders = folders
        self._read: dict[Path, Corpus] = {}

    def corpus(self, name: str) -> Corpus:
        """A folder's corpus. Raises InvalidOptions."""
        folder = Path(name).resolve() if self._folders is None else self._folders.get(name)
        if folder is None or not folder.is_dir():
            known = ", ".join(sorted(self._folders or ())) or "none"
            raise InvalidOptions("corpus", f"there is no corpus called {name[:80]!r}; there are: {known}")
        if folder not in self._read:
            try:
                self._read[folder] = read_corpus(folder)
            except (OSError, InvalidCorpus) as error:
                raise InvalidOptions("corpus", f"{name[:200]}: {error}") from error
        return self._read[folder]


def read_corpus(folder: Path) -> Corpus:
    """The corpus in a folder.

    Raises:
        OSError: a file cannot be read.
        InvalidCorpus: one is not as it should be.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.jsonl"))}
    questions = files.pop(_QUESTIONS, None)
    if questions is None or not files:
        raise InvalidCorpus(f"expected {_QUESTIONS}.jsonl and a file for each knowledge base")
    bases = {name: KnowledgeBase(name, _documents(path)) for name, path in files.items()}
    ids = {name: {document.id for document in base.documents} for name, base in bases.items()}
    found = tuple(_question(path_and_line, record, ids) for path_and_line, record in _records(questions))
    if not found:
        raise InvalidCorpus(f"{_QUESTIONS}.jsonl has no questions")
    return Corpus(bases, found)


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The objects of a file, each with where it stands."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            at = f"{path.name}, line {number}"
            if not line.strip():
                continue
            try:
                record = cast("Json", json.loads(line))
            except (ValueError, RecursionError) as error:
                raise InvalidCorpus(f"{at}: no JSON: {error}") from error
            if not isinstance(record, dict):
                raise InvalidCorpus(f"{at}: expected an object")
            yield at, record


def _documents(path: Path) -> list[Document]:
    found: dict[str, Document] = {}
    for number, (at, record) in enumerate(_records(path), 1):
        name = str(record.get("id", number))
        if name in found:
            raise InvalidCorpus(f"{at}: there is another document {name[:80]!r}")
        found[name] = Document(name, _text(record, "title", at, name), _text(record, "text", at))
    return list(found.values())


def _question(at: str, record: Mapping[str, Json], ids: Mapping[str, set[str]]) -> CorpusQuestion:
    try:
        golds = golds_of(record)
    except Unscorable as error:
        raise InvalidCorpus(f"{at}: {error}") from error
    supports = record.get("supports", [])
    if not isinstance(supports, list):
        raise InvalidCorpus(f"{at}: supports are a list")
    read = tuple(_support(at, one, ids) for one in supports)
    return CorpusQuestion(_text(record, "question", at), tuple(golds), read, _text(record, "split", at, ""))


def _support(at: str, value: Json, ids: Mapping[str, set[str]]) -> Support:
    if not isinstance(value, dict):
        raise InvalidCorpus(f"{at}: a support is an object with base and document")
    support = Support(str(value.get("base")), str(value.get("document")))
    if support.document not in ids.get(support.base, ()):
        raise InvalidCorpus(f"{at}: there is no document {support.document[:80]!r} in {support.base[:80]!r}")
    return support


def _text(record: Mapping[str, Json], name: str, at: str, default: str | None = None) -> str:
    value = record.get(name, default)
    if not isinstance(value, str):
        raise InvalidCorpus(f"{at}: {name} is a text")
    return value
