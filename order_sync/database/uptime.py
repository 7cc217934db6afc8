"""A clock that goes on while this process is stopped and while its machine sleeps.

Out: seconds, to be compared with earlier ones of the same process.
Never for waits: what is to be waited for is measured by a clock that stops with the machine.
"""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":
    # CLOCK_MONOTONIC goes on while a process is stopped, but not while the machine sleeps.
    def now() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

elif sys.platform == "darwin":
    # Here CLOCK_MONOTONIC counts sleep, and time.monotonic(), which reads another clock, does not.
    def now() -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:
    # On Windows it is GetTickCount64 or QueryPerformanceCounter, and both count sleep and hibernation.
    def now() -> float:
        return time.monotonic()
