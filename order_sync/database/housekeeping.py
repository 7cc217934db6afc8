"""Housekeeping of a run: removes old log entries and closed requests, and releases claims of finished runs.

In: how long to keep what. Out: less of it, in transactions of a thousand rows, as far as one run may go.
Never fails a run: what did not work is reported and left to the next one, and nothing is tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from order_sync.database.conditions import flag, is_claimed
from order_sync.database.connection import Database, WritableDatabase, chunks
from order_sync.database.entries import EntryState
from order_sync.database.sql_server import reason
from order_sync.database.tables import Tables
from order_sync.orders.errors import WriteLost

T = TypeVar("T")

MOST = 100_000  # rows of a table in a run: twice what a busy run adds
SECONDS = 20.0  # after which no further thousand is begun: the run is held up meanwhile


Expired = Mapping[sa.Column[Any], Sequence[Any]]  # keys of rows


def expired(database: Database, tables: Tables, age: timedelta) -> Expired:
    """The log entries, and the closed requests of the journal, that are older."""
    log, journal = tables.log, tables.journal
    resolved = [state for state in EntryState if state is not EntryState.OPEN]
    before = database.current_time() - age
    closed = sa.and_(journal.c.state.in_(resolved), journal.c.closed_at < before)
    old = ((log.c.log_id, log.c.logged_at < before), (journal.c.idempotency_key, closed))
    # One look for both: on most days nothing has become that old since the last run.
    look = sa.select(*(flag(sa.exists(sa.select(key).where(is_old))) for key, is_old in old))
    found = database.reading(lambda connection: connection.execute(look).one())
    return {
        key: database.column(sa.select(key).where(is_old).limit(MOST))
        for (key, is_old), any_old in zip(old, found, strict=True)
        if any_old
    }


def remove_expired(database: WritableDatabase, keys: Expired) -> int:
    """Deletes these rows, as many as there is time for; returns their number."""
    until = monotonic() + SECONDS
    return sum(_delete(database, key, of_table, until) for key, of_table in keys.items())


def runs_at_work(database: Database, tables: Tables) -> set[str]:
    """Runs that hold rows or a board, or have open requests: whether they have finished is still to be asked."""
    h, line, journal, boards = tables.header_queue, tables.line_queue, tables.journal, tables.boards
    queries = (
        sa.select(h.c.sync_run_id).where(is_claimed(h)).distinct(),
        sa.select(line.c.sync_run_id).where(is_claimed(line)).distinct(),
        sa.select(journal.c.run_id).where(journal.c.state == EntryState.OPEN).distinct(),
        sa.select(boards.c.run_id).where(boards.c.run_id.is_not(None)),
    )
    return {run_id for query in queries for run_id in database.column(query)}


def _delete(database: WritableDatabase, key: sa.Column[Any], keys: Sequence[Any], until: float) -> int:
    deleted = 0
    for chunk in chunks(keys):
        with database.write() as connection:
            connection.execute(sa.delete(key.table).where(key.in_(chunk)))
        deleted += len(chunk)
        if monotonic() >= until:
            break
    return deleted


def tidy(what: str, work: Callable[[], T], warn: Callable[[str], object]) -> T | None:
    """Does the work; None if the database refused, which is reported and otherwise makes no difference."""
    try:
        return work()
    except (SQLAlchemyError, WriteLost) as error:
        warn(f"{what} failed: {reason(error)} This does no harm; the next run tries again.")
        return None
