"""What the steps of a run keep for each other, in the memory of this process.

In: a run id. Out: the run's own object, new at its first step.
Never survives the process: what a later run needs is in the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ByRun(Generic[T]):
    """One object for each of this process's runs."""

    def __init__(self, new: Callable[[], T]) -> None:
        self._new = new
        self._by_run: dict[str, T] = {}

    def of(self, run_id: str) -> T:
        """The run's object; a new one at its first step."""
        return self._by_run.setdefault(run_id, self._new())

    def take(self, run_id: str) -> T:
        """The same for the last time."""
        return self._by_run.pop(run_id, None) or self._new()
