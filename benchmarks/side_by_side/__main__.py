"""Run the comparisons and write their report.

    make side-by-side [ONLY="math grouping"] [GAMES=folder]
    .venv/bin/python -m benchmarks.side_by_side [NAME ...] [--games FOLDER] [--out out/side-by-side]

Each comparison writes NAME.md, NAME.svg and NAME.json; report.md has those that have run. Others' packages are
installed from the package index into build/peers when they are first needed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from . import environments, execution, grouping, math_answers, transport
from .comparison import Comparison, write
from .report import report


def main() -> None:
    """Measure what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="math, execution, environments, grouping, transport; default all")
    parser.add_argument("--games", type=Path, help="a folder of ALFWorld's games")
    parser.add_argument("--out", type=Path, default=Path("out/side-by-side"))
    chosen = parser.parse_args()
    comparisons: dict[str, Callable[[], Comparison]] = {
        "math": math_answers.measure,
        "execution": execution.measure,
        "environments": lambda: environments.measure(chosen.games),
        "grouping": grouping.measure,
        "transport": transport.measure,
    }
    unknown = set(chosen.names) - set(comparisons)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(comparisons)}")
    for name in chosen.names or comparisons:
        load = os.getloadavg()[0]
        print(write(comparisons[name](), chosen.out, load), flush=True)
    (chosen.out / "report.md").write_text(report(chosen.out, tuple(comparisons)), encoding="utf-8")
    print(f"written to {chosen.out}")


if __name__ == "__main__":
    main()
