"""Starts so many threads that nobody else can start one.

Stopped by: the same bound as on processes.
Proof: reached.
"""

from __future__ import annotations

import threading

done = threading.Event()
threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(300)]
for thread in threads:
    thread.start()
done.set()
print("reached")
