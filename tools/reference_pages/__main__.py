"""Write the pages: ``python -m tools.reference_pages [FOLDER]`` (docs/reference unless another is named)."""

from __future__ import annotations

import sys
from pathlib import Path

from .contract import contract_pages
from .pages import declared_pages


def main() -> None:
    """Write every page that differs."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "docs" / "reference"
    for name, text in {**declared_pages(), **contract_pages()}.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
