"""Short pauses for the collection of cyclic garbage, in a process whose loop many wait for.

What start-up leaves for ever is frozen: otherwise each full collection walks through hundreds of thousands of objects.
Then each generation is collected sooner, before much has gathered in it. Few objects more than there were are enough:
where as many go as come, the count of the youngest stays low while nearly all of them are new since the last time.
Measured with 500 judge calls in flight: the same time in all, pauses of at most 0.2 instead of 13 ms (with 200 instead
of 50 objects 2.8 ms, and one item of a hundred met one).
"""

from __future__ import annotations

import gc

_THRESHOLDS = (50, 2, 5000)


def keep_pauses_short() -> None:
    """To be called once, when everything that lasts is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
