"""Whether searches ask the right knowledge base, and what they find of what the answer rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assay_server.environments.tools.corpus import Document, Support


class Routing:
    """A search is well routed where its base holds a support that was not found yet; at most as often as the base has
    supports, so that asking the same again earns nothing in the end."""

    def __init__(self, supports: Sequence[Support]) -> None:
        self._supports = tuple(supports)
        self._well = Counter[str]()
        self._found: set[Support] = set()

    @property
    def share(self) -> float:
        """Well routed searches as a share of the supports, in [0, 1]."""
        return sum(self._well.values()) / len(self._supports) if self._supports else 0.0

    @property
    def found(self) -> float:
        """Supports that were found, as a share, in [0, 1]."""
        return len(self._found) / len(self._supports) if self._supports else 0.0

    @property
    def state(self) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        """What later searches depend on, in a fixed order."""
        return tuple(sorted(self._well.items())), tuple(sorted(f"{one.base}/{one.document}" for one in self._found))

    def searched(self, base: str, found: Sequence[Document]) -> float:
        """A search of this base found these; the share that it earns: 1 / supports, or 0."""
        here = [support for support in self._supports if support.base == base]
        well = any(support not in self._found for support in here) and self._well[base] < len(here)
        ids = {document.id for document in found}
        self._found.update(support for support in here if support.document in ids)
        if not well:
            return 0.0
        self._well[base] += 1
        return 1 / len(self._supports)
