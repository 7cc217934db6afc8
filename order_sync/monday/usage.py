"""The usage of the account: calls, complexity, and seconds waited.

In: one note for each request that leaves, from the transport. Out: sums. A call is one GraphQL request to monday's API,
successful or not. Files of a bulk import are none; no other place counts calls.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Usage:
    """Safe to add to from several threads."""

    calls: int = 0
    complexity: int = 0
    waited_seconds: float = 0.0
    _reported_calls: int = 0
    _reported_complexity: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, calls: int = 0, complexity: int = 0, waited_seconds: float = 0.0) -> None:
        with self._lock:
            self.calls += calls
            self.complexity += complexity
            self.waited_seconds += waited_seconds

    def since_last_time(self) -> dict[str, int]:
        """Calls and complexity since this was last asked: each is reported once, and none is left out."""
        with self._lock:
            spent = {
                "calls": self.calls - self._reported_calls,
                "complexity": self.complexity - self._reported_complexity,
            }
            self._reported_calls, self._reported_complexity = self.calls, self.complexity
        return spent
