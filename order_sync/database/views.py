"""Views for people who work in SSMS or Power BI: orders by state and reason, runs, and what changed when.

In: the tables. Out: the views as statements, or created in the database; no run reads them, and none needs them.
A view reads the queue tables only where they are not SYNCED, or by key: years of history do not slow it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import unsynced
from order_sync.database.connection import WritableDatabase
from order_sync.database.ddl import DIALECTS
from order_sync.database.requeue import REQUEUED_BY
from order_sync.database.tables import Tables
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER

ORDERS, RUNS, CHANGES = "ORDER_SYNC_V_ORDERS", "ORDER_SYNC_V_RUNS", "ORDER_SYNC_V_CHANGES"
OUTCOMES = ("created", "adopted", "changed", "moved", "cancelled", "rejected", "unsettled")
_CODE = 6  # characters of a code: OS-406


def views(tables: Tables) -> Mapping[str, sa.Select[Any]]:
    """The query of each view, by its name."""
    return {ORDERS: _orders(tables), RUNS: _runs(tables), CHANGES: _changes(tables)}


def script(tables: Tables, dialect: str = "mssql") -> list[str]:
    """The statements; each must be sent alone, as a batch of its own."""
    return [text for name in views(tables) for text in _statements(tables, name, dialect)]


def create_views(database: WritableDatabase, tables: Tables) -> list[str]:
    """Creates the views, in place of those of an earlier version; returns their names."""

    def create(connection: sa.Connection) -> None:
        for text in script(tables, database.dialect):
            connection.exec_driver_sql(text)

    database.transaction(create)
    return list(views(tables))


def grants(tables: Tables, user: str) -> list[str]:
    """What a reader of the views needs, as T-SQL: the tables stay closed."""
    quote = DIALECTS["mssql"].identifier_preparer.quote_identifier
    return [f"GRANT SELECT ON {_name(tables, name, 'mssql')} TO {quote(user)};" for name in views(tables)]


def _statements(tables: Tables, name: str, dialect: str) -> list[str]:
    create = sa.CreateView(views(tables)[name], name, schema=tables.log.schema)
    text = str(create.compile(dialect=DIALECTS[dialect])).strip()
    return [f"DROP VIEW IF EXISTS {_name(tables, name, dialect)};", f"{text};"]


def _name(tables: Tables, name: str, dialect: str) -> str:
    return DIALECTS[dialect].identifier_preparer.format_table(sa.table(name, schema=tables.log.schema))


def _orders(tables: Tables) -> sa.Select[Any]:
    """Every row that is not SYNCED, with its reason and the code of it."""
    o, headers, lines = tables.orders, tables.header_queue, tables.line_queue
    rows = sa.union_all(*(_waiting(table, kind) for table, kind in ((headers, "header"), (lines, "line")))).subquery(
        "q"
    )
    return sa.select(
        rows.c.record_uuid,
        o.c[CUSTOMER].label("customer"),
        o.c[ORDER_NUMBER].label("order_number"),
        *(rows.c[name] for name in ("row_kind", "delta_uuid", "line_uuid", "action", "state", "code", "reason")),
        *(rows.c[name] for name in ("tries", "run_id", "queued_at", "attempted_at")),
    ).select_from(rows.outerjoin(o, o.c.record_uuid == rows.c.record_uuid))


def _waiting(table: sa.Table, kind: str) -> sa.Select[Any]:
    message = table.c.sync_error_message
    return sa.select(
        table.c.record_uuid,
        sa.literal(kind, sa.String(6)).label("row_kind"),
        table.c.delta_uuid,
        table.c.get("line_uuid", sa.cast(sa.null(), table.c.delta_uuid.type)).label("line_uuid"),
        table.c.action_type.label("action"),
        table.c.sync_state.label("state"),
        _code_of(message).label("code"),
        message.label("reason"),
        table.c.retry_count.label("tries"),
        table.c.sync_run_id.label("run_id"),
        table.c.created_at.label("queued_at"),
        table.c.sync_attempted_at.label("attempted_at"),
    ).where(unsynced(table))


def _runs(tables: Tables) -> sa.Select[Any]:
    """What each run did, from the log: its rows by outcome, and the first and last entry."""
    log = tables.log
    query = sa.select(
        log.c.run_id,
        sa.func.min(log.c.logged_at).label("began_at"),
        sa.func.max(log.c.logged_at).label("ended_at"),
        sa.func.count(sa.distinct(log.c.delta_uuid)).label("rows_touched"),
        *(sa.func.sum(sa.case((log.c.outcome == outcome, 1), else_=0)).label(outcome) for outcome in OUTCOMES),
    )
    return query.where(log.c.run_id != REQUEUED_BY).group_by(log.c.run_id)


def _changes(tables: Tables) -> sa.Select[Any]:
    """Every entry of the log, with its board, and with its order as far as the queue still has the row."""
    log, boards, o = tables.log, tables.boards, tables.orders
    h, line = tables.header_queue, tables.line_queue
    record = sa.func.coalesce(h.c.record_uuid, line.c.record_uuid)
    own = sa.case((log.c.code.like("OS-%"), log.c.code), else_=_code_of(log.c.message))
    return sa.select(
        log.c.logged_at.label("changed_at"),
        log.c.run_id,
        log.c.operation,
        log.c.outcome,
        record.label("record_uuid"),
        o.c[CUSTOMER].label("customer"),
        o.c[ORDER_NUMBER].label("order_number"),
        log.c.delta_uuid,
        log.c.board_id,
        boards.c.name.label("board"),
        log.c.monday_id,
        own.label("code"),
        log.c.message,
        log.c.request_id,
    ).select_from(
        log.outerjoin(h, h.c.delta_uuid == log.c.delta_uuid)
        .outerjoin(line, line.c.delta_uuid == log.c.delta_uuid)
        .outerjoin(o, o.c.record_uuid == record)
        .outerjoin(boards, boards.c.board_id == log.c.board_id)
    )


def _code_of(message: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The code that a message begins with."""
    code = sa.cast(sa.func.substring(message, 1, _CODE), sa.String(_CODE))
    return sa.case((message.like("OS-___: %"), code), else_=sa.null())
