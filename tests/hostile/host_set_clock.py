"""Sets the machine's clock.

Stopped by: no capability, and the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import time

time.clock_settime(time.CLOCK_REALTIME, time.time())
print("reached")
