"""Short pauses for the collection of cyclic garbage, in a process whose loop many wait for.

What start-up leaves for ever is frozen: otherwise each full collection walks through hundreds of thousands of objects.
Then each generation is collected sooner, before much has gathered in it. Measured with 500 judge calls in flight: the
same time in all, pauses of at most 1.6 instead of 13 ms.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (200, 2, 1000)


def keep_pauses_short() -> None:
    """To be called once, when everything that lasts is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
