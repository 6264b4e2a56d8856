"""What the ``search`` tool finds: knowledge bases of documents, and questions that take several of them to answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay_server.environments.shop.index import ImpactIndex, postings_of_texts

GENERATED = "generated"
"""The corpus that comes with the server."""

_CACHED = 4096


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a title."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Support:
    """A document that a question's answer rests on."""

    base: str
    document: str


@dataclass(frozen=True, slots=True)
class CorpusQuestion:
    """A question about a corpus.

    Attributes:
        answers: the texts that are right.
        supports: the documents that lead to the answer, in the order in which each leads to the next.
    """

    text: str
    answers: tuple[str, ...]
    supports: tuple[Support, ...] = ()
    split: str = ""


class KnowledgeBase:
    """Documents that are searched together; immutable but for what it remembers of earlier searches."""

    def __init__(self, name: str, documents: Sequence[Document]) -> None:
        self.name = name
        self.documents = tuple(documents)
        # A word of the title weighs twice: it says what the document is about.
        texts = (f"{one.title} {one.title} {one.text}" for one in self.documents)
        self._index = ImpactIndex(postings_of_texts(texts))
        self._found: OrderedDict[tuple[str, int], tuple[Document, ...]] = OrderedDict()

    def search(self, query: str, limit: int) -> tuple[Document, ...]:
        """The documents that fit best (BM25), best first; those without a word of the query are left out."""
        key = (query, limit)
        found = self._found.get(key)
        if found is None:
            found = tuple(self.documents[number] for number in self._index.search(query, limit))
            self._found[key] = found
            if len(self._found) > _CACHED:
                self._found.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Corpus:
    """Knowledge bases by name, and questions about them."""

    bases: Mapping[str, KnowledgeBase]
    questions: Sequence[CorpusQuestion]


class Corpora(Protocol):
    """The corpora of the operator."""

    def corpus(self, name: str) -> Corpus:
        """A corpus by name.

        Raises:
            InvalidOptions: there is none.
        """
        ...
