"""In: the log records of order_sync that carry `progress`, `waits` or a warning.
Out: a bar for each step, and the lines above it.
Never: a failed run because the output is closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from order_sync.cli.output.console import errors

STEPS = {
    "create_group": "groups",
    "create_item": "items",
    "create_subitem": "subitems",
    "change_item": "items changed",
    "change_subitem": "subitems changed",
    "move_item": "items moved",
    "cancel_item": "items cancelled",
    "bulk_archive_items": "items archived",
    "cancel_subitem": "subitems cancelled",
    "adopt_item": "keys of items",
    "adopt_subitem": "keys of subitems",
}


@contextmanager
def progress(*, quiet: bool) -> Iterator[None]:
    """A bar for each step, fed by the log records of order_sync.monday that carry `progress`."""
    if quiet:
        yield
        return
    bar = Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=not errors.is_terminal,
    )
    logger = logging.getLogger("order_sync")
    handler = _ProgressHandler(bar)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with suppress(OSError):
            bar.start()
        yield
    finally:
        with suppress(OSError):
            bar.stop()
        logger.removeHandler(handler)
        logger.setLevel(level)


class _ProgressHandler(logging.Handler):
    def __init__(self, bar: Progress) -> None:
        super().__init__(logging.DEBUG)
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        step = getattr(record, "progress", None)
        if step is not None:
            operation, done, total = step
            if operation not in self._tasks:
                self._tasks[operation] = self._bar.add_task(STEPS[operation], total=total)
            self._bar.update(self._tasks[operation], completed=done, total=total)
        elif getattr(record, "waits", False):
            self._bar.console.print(f"[dim]{escape(record.getMessage())}[/]")
        elif record.levelno >= logging.WARNING:
            with suppress(OSError):  # a closed output is no reason to stop a run
                self._bar.console.print(f"[yellow]{escape(record.getMessage())}[/]")
