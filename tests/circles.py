"""What was left in circles: only a collection frees it, and until then a busy server grows."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast


@contextmanager
def circles(*packages: str) -> Generator[Counter[str]]:
    """Counts, at its end, by type, objects of these packages that were left in circles inside."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        kinds: list[type[object]] = [type(left) for left in cast("list[object]", gc.garbage)]
        found.update(kind.__qualname__ for kind in kinds if kind.__module__.startswith(packages))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
