"""Where the recordings of the real engine are, and reading them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json

ALFWORLD = Path(__file__).resolve().parents[5] / "shared" / "data" / "alfworld"


@dataclass(frozen=True)
class Recording:
    """One game: its file, and the walks that were recorded in it."""

    id: str
    path: Path
    walks: list[dict[str, Json]]

    def game(self) -> dict[str, Json]:
        """What the game file holds."""
        return cast("dict[str, Json]", json.loads(self.path.read_text(encoding="utf-8")))


def recording_ids() -> list[str]:
    """All games; none where the shared data is absent."""
    return [str(row["id"]) for row in _index()]


def recording(id_: str) -> Recording:
    """A game by its id."""
    row = next(row for row in _index() if row["id"] == id_)
    walks = json.loads(gzip.decompress((ALFWORLD / str(row["transcript"])).read_bytes()))["walks"]
    return Recording(id_, ALFWORLD / str(row["game"]), walks)


def need_recordings() -> None:
    """Skip where they are not there."""
    if not ALFWORLD.exists():
        pytest.skip(f"the shared data is absent: {ALFWORLD}")


def _index() -> list[dict[str, Json]]:
    if not ALFWORLD.exists():
        return []
    return cast("list[dict[str, Json]]", json.loads((ALFWORLD / "index.json").read_text(encoding="utf-8")))
