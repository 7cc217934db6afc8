"""The log: a line of ORDER_SYNC_LOG for each thing that became of a queue row.

In: monday's ids, or errors, by delta_uuid. Out: lines, in the transaction that writes to the rows themselves.
Never a line for a group, which is no row's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import is_claimed, of_each_row
from order_sync.database.connection import chunks
from order_sync.database.entries import Operation
from order_sync.database.tables import Tables
from order_sync.database.written import Stamp
from order_sync.orders.errors import Rejected, Transient

UNFINISHED = "the run ended, or lost the row to another run, before it wrote or rejected anything of it"


@dataclass(frozen=True)
class RunLog:
    """What a transaction logs of one operation's rows."""

    connection: sa.Connection
    tables: Tables
    stamp: Stamp
    operation: Operation
    request: Mapping[str, str | None]  # idempotency_key, and monday's request_id
    sent: Mapping[str, str]  # payloads by row, where they are kept

    def add(
        self, outcome: str, rows: Mapping[str, str] | Mapping[str, tuple[str, str]] | Mapping[str, Rejected | Transient]
    ) -> None:
        """One line for each row: with monday's id, with that and a message, or with the error."""
        if not self.operation.of_queue or not rows:
            return
        common: dict[str, Any] = {name: short(text) for name, text in self.request.items() if text}
        common |= {"logged_at": self.stamp.written_at, "run_id": self.stamp.run_id, "board_id": self.stamp.board_id}
        common |= {"operation": self.operation, "outcome": outcome}
        lines = [self._line(row, became) for row, became in rows.items()]
        if self.sent:
            lines = [line | {"payload": self.sent.get(line["delta_uuid"])} for line in lines]
        write_lines(self.connection, self.tables, common, lines)

    def _line(self, row: str, became: str | tuple[str, str] | Rejected | Transient) -> dict[str, Any]:
        if isinstance(became, tuple):
            return {"delta_uuid": row, "monday_id": int(became[0]), "message": became[1]}
        if isinstance(became, str):
            return {"delta_uuid": row, "monday_id": int(became)}
        request_id = short(became.request_id or self.request.get("request_id"))
        return {"delta_uuid": row, "message": str(became), "code": short(became.code), "request_id": request_id}


def write_lines(
    connection: sa.Connection, tables: Tables, common: Mapping[str, Any], lines: Iterable[dict[str, Any]]
) -> None:
    """`common` is the same in each line."""
    for chunk in chunks(lines):
        connection.execute(sa.insert(tables.log).inline(), [{**common, **line} for line in chunk])


def log_unfinished(
    connection: sa.Connection, tables: Tables, table: sa.Table, is_free: sa.ColumnElement[bool], now: datetime
) -> None:
    """A line for each free row that a run had claimed and logged nothing of.

    A queue row names its last run only: the claim of one that was killed would be forgotten with the next.
    """
    log, logged = tables.log, tables.log.alias("logged")
    silent = ~sa.exists().where(logged.c.delta_uuid == table.c.delta_uuid, logged.c.run_id == table.c.sync_run_id)
    lines = {
        log.c.logged_at: sa.literal(now, log.c.logged_at.type),
        log.c.run_id: table.c.sync_run_id,
        log.c.delta_uuid: table.c.delta_uuid,
        log.c.operation: sa.literal("claim", log.c.operation.type),
        log.c.outcome: sa.literal("unfinished", log.c.outcome.type),
        log.c.message: sa.literal(UNFINISHED, log.c.message.type),
    }
    rows = sa.select(*lines.values()).where(is_claimed(table), of_each_row(is_free, silent))
    connection.execute(sa.insert(log).from_select([column.name for column in lines], rows).inline())


def short(text: str | None) -> str | None:
    """As much as the log's column takes: what monday sends must not keep an id from being recorded."""
    return text[:64] if text else None
