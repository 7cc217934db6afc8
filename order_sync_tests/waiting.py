"""Waiting for a state that others bring about: never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

DUE = 60  # seconds; far more than anything here takes


def until(is_so: Callable[[], object], what: str, *, within: float = DUE, every: float = 0.05) -> None:
    """Fails with `what` if the state does not come."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(every)
