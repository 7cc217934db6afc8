"""What the runs of one case did of the journal protocol, and whether it allows that.

In: runs in child processes, which keep their events in files that a death does not take along. Out: broken rules.
The checker imports nothing of the product (order_sync_tests/model).
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from order_sync_tests.model.checker import check
from order_sync_tests.model.events import Event, Kind
from order_sync_tests.model.recorder import recording

ENDED = "ended"
# A clock of the database that jumps takes the board from a run whose own clock sees no time pass.
OF_A_JUMP = frozenset({"still under the lease"})


@contextmanager
def kept(home: Path) -> Iterator[None]:
    """Keeps the events of this process, which is one run, until the block ends."""
    worker = str(os.getpid())
    with (home / f"{worker}.trace").open("a", encoding="utf-8", buffering=1) as file:

        def keep(event: Event, moment: int) -> None:
            file.write(f"{moment} {event.to_json()}\n")

        try:
            with recording(lambda: worker, keep):
                yield
        finally:
            file.write(f"{time.monotonic_ns()} {ENDED}\n")


def events(home: Path) -> list[Event]:
    """Of all runs, in the order in which they happened; a run whose trace does not end died."""
    found: list[tuple[int, Event]] = []
    for path in home.glob("*.trace"):
        lines = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        of_run = [(int(at), Event.from_json(text)) for at, text in lines if text != ENDED]
        if of_run and lines[-1][1] != ENDED:
            of_run.append((of_run[-1][0], Event(kind=Kind.CRASH, worker=path.stem)))
        found += of_run
    return [event for _, event in sorted(found, key=lambda each: each[0])]


def broken(home: Path, *, but: Collection[str] = ()) -> list[str]:
    """The steps that the protocol does not allow, except by these rules."""
    return [str(violation) for violation in check(events(home)) if violation.rule not in but]
