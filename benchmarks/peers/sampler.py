"""Where a process spends its time, by looking at the stack of its main thread every few milliseconds.

A sample counts for the innermost frame that says whose work it is; SQLAlchemy and SQLite count for their caller.
While the main thread waits for other threads, their stacks count instead. The looks take less than a percent of the
time.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from types import FrameType

PERIOD = 0.005
EMULATOR = "wait for the emulator"
HTTP = "HTTP client"
OWN = "order_sync"
SQL = "SQL of order_sync"
DAGSTER = "Dagster"
IMPORTS = "imports"
THREADS = "wait for threads"
OTHER = "other"
PARTS = (EMULATOR, HTTP, SQL, OWN, DAGSTER, IMPORTS, OTHER)


class Sampler:
    """Counts from its making until `stop`."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Seconds by part."""
        self._end.set()
        self._thread.join()
        return {part: self._seconds[part] for part in PARTS}

    def _run(self) -> None:
        last = time.perf_counter()
        while not self._end.wait(PERIOD):
            found = self._look()
            now = time.perf_counter()
            for part in found:
                self._seconds[part] += (now - last) / len(found)
            last = now

    def _look(self) -> list[str]:
        frames = sys._current_frames()
        here = part_of(frames[self._main])
        if here != THREADS:
            return [here]
        own = {threading.get_ident(), self._main}
        others = [part_of(frame) for ident, frame in frames.items() if ident not in own]
        return [part for part in others if part not in (OTHER, THREADS)] or [OTHER]


def part_of(innermost: FrameType) -> str:
    frame: FrameType | None = innermost
    is_sql = False
    waits = False
    while frame is not None:
        path = frame.f_code.co_filename
        if "/httpcore/_backends/" in path:
            return EMULATOR
        if path.startswith("<frozen importlib"):
            return IMPORTS
        if "/order_sync/" in path:
            if "/monday/transport.py" in path:
                return HTTP
            if waits:
                return THREADS
            return SQL if is_sql else OWN
        if "/dagster/" in path or "/dagster_shared/" in path:
            return DAGSTER
        is_sql = is_sql or "/sqlalchemy/" in path
        waits = waits or "/concurrent/futures/" in path or path.endswith("/queue.py")
        frame = frame.f_back
    return OTHER
