"""The order report: by customer, by kind of error, every rejected row, and every run.

In: the queue tables, the main tables and the log; a period or one run. Out: a `Report` of plain data. Reads only.
The database counts SYNCED rows; only rejected and waiting rows are read one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.database.conditions import is_of_run, is_rejected, is_synced, same_order, unsynced
from order_sync.database.connection import Database, Row
from order_sync.database.customers import merged, spelling
from order_sync.database.guid import uuid_key
from order_sync.database.requeue import REQUEUED_BY
from order_sync.database.tables import TableNames, Tables
from order_sync.orders.codes import Rule
from order_sync.orders.errors import OrderSyncError, without_code
from order_sync.orders.faults import RunFault
from order_sync.orders.naming import CUSTOMER, NO_CUSTOMER, ORDER_NUMBER, Customers
from order_sync.reports.advice import advice
from order_sync.reports.links import Links

UUID_LENGTH = 36
NO_UUID = "none"  # in place of a record_uuid that is NULL


@dataclass(frozen=True, kw_only=True)
class CustomerLine:
    """A customer's orders (record_uuids). An order with a rejected row counts as rejected."""

    customer: str
    synced: int = 0  # in the period
    waiting: int = 0
    rejected: int = 0
    oldest_waiting: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RejectedRow:
    """A row in ERROR. The fields from the log are None if its entries have expired."""

    row: str  # header or line
    customer: str
    order_number: str | None
    record_uuid: str
    delta_uuid: str
    size: str | None  # of a line
    code: str | None
    reason: str
    tries: int
    rejected_at: datetime | None
    request_id: str | None
    run_id: str | None
    run_url: str | None
    board_id: int | None
    board: str | None
    board_url: str | None
    item_url: str | None  # of a line: its parent item


@dataclass(frozen=True, kw_only=True)
class Category:
    """Rejected rows with the same code, with an example and the next step.

    `explained` is the code of docs/errors.md.
    """

    code: str | None  # as the log has it: order_sync's or monday's
    explained: str
    title: str
    by: str  # order_sync, monday or unknown
    next: str
    rows: int
    orders: int
    sample: str
    example: RejectedRow


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run's outcomes from the log; a row may count under several outcomes."""

    run_id: str
    url: str | None
    began: datetime
    ended: datetime
    rows: int
    created: int
    adopted: int
    rejected: int
    unsettled: int


@dataclass(frozen=True, kw_only=True)
class Report:
    made_at: datetime  # UTC, like every time here
    since: datetime | None  # None for the report of one run
    run_id: str | None
    customers: Sequence[CustomerLine]
    categories: Sequence[Category]
    rejected: Sequence[RejectedRow]
    runs: Sequence[RunLine]

    @property
    def total(self) -> CustomerLine:
        """All customers together."""
        waiting = [line.oldest_waiting for line in self.customers if line.oldest_waiting]
        return CustomerLine(
            customer="all",
            synced=sum(line.synced for line in self.customers),
            waiting=sum(line.waiting for line in self.customers),
            rejected=sum(line.rejected for line in self.customers),
            oldest_waiting=min(waiting, default=None),
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"total": asdict(self.total)}


def make_report(
    database: Database, tables: Tables, links: Links, *, days: float = 7, run_id: str | None = None
) -> Report:
    """The report of the last days, or of one run.

    Rejected and waiting are current; synced and the runs are those of the period.
    The report of a run has the rows with its id, and its own line.
    """
    now = database.current_time()
    since = None if run_id else now - timedelta(days=days)
    customers = Customers()
    synced, waiting = (
        merged(database.rows(query), add=["orders"], least="oldest", customers=customers)
        for query in (_synced_query(tables, since, run_id), _waiting_query(tables, run_id))
    )
    rejected = sorted(
        (
            _rejected_row(row, kind, links, customers)
            for kind, query in _rejected_queries(tables, run_id).items()
            for row in database.rows(query)
        ),
        key=lambda row: (row.customer, row.order_number or "", row.record_uuid, row.row, row.size or ""),
    )
    names = TableNames(
        header_queue=tables.header_queue.name,
        line_queue=tables.line_queue.name,
        orders=tables.orders.name,
        order_lines=tables.order_lines.name,
    )
    return Report(
        made_at=now,
        since=since,
        run_id=run_id,
        customers=_customers(synced, waiting, rejected),
        categories=_categories(rejected, names),
        rejected=rejected,
        runs=[_run_line(row, links) for row in database.rows(_runs_query(tables, since, run_id))],
    )


# ---- by customer --------------------------------------------------------------------------------------


def _customers(synced: Iterable[Row], waiting: Iterable[Row], rejected: Iterable[RejectedRow]) -> list[CustomerLine]:
    found: dict[str, Row] = defaultdict(dict)
    for row in synced:
        found[row["customer"] or NO_CUSTOMER]["synced"] = row["orders"]
    for row in waiting:
        found[row["customer"] or NO_CUSTOMER] |= {"waiting": row["orders"], "oldest_waiting": row["oldest"]}
    orders: dict[str, set[str]] = defaultdict(set)
    for error in rejected:
        orders[error.customer].add(error.record_uuid)
    for customer, records in orders.items():
        found[customer]["rejected"] = len(records)
    return [CustomerLine(customer=customer, **counts) for customer, counts in sorted(found.items())]


def _synced_query(tables: Tables, since: datetime | None, run_id: str | None) -> sa.Select[*tuple[Any, ...]]:
    h = tables.header_queue
    query = (
        sa.select(
            sa.func.max(h.c[CUSTOMER]).label("customer"),
            sa.func.count(sa.distinct(uuid_key(h.c.record_uuid))).label("orders"),
            sa.func.min(h.c.created_at).label("oldest"),
        )
        .where(is_synced(h), ~_has_row(tables, h, unsynced))
        .group_by(spelling(h.c[CUSTOMER]))
    )
    if run_id:
        return query.where(is_of_run(h, run_id))
    return query.where(h.c.sync_completed_at >= since)


def _waiting_query(tables: Tables, run_id: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Orders with a waiting and no rejected row, by customer, with the time of the oldest."""
    h, o = tables.header_queue, tables.orders
    rows = sa.union_all(
        *(
            sa.select(table.c.record_uuid, table.c.created_at).where(
                unsynced(table), ~is_rejected(table), *([is_of_run(table, run_id)] if run_id else [])
            )
            for table in (tables.header_queue, tables.line_queue)
        )
    ).subquery()
    # If the order is missing in ORDER_LIST, only the queue has its customer.
    queued = sa.select(sa.func.max(h.c[CUSTOMER])).where(h.c.record_uuid == rows.c.record_uuid).scalar_subquery()
    orders = (
        sa.select(
            rows.c.record_uuid,
            sa.func.coalesce(sa.func.max(o.c[CUSTOMER]), queued).label("customer"),
            sa.func.min(rows.c.created_at).label("oldest"),
        )
        .select_from(rows.outerjoin(o, o.c.record_uuid == rows.c.record_uuid))
        .where(~_has_row(tables, rows, is_rejected))
        .group_by(uuid_key(rows.c.record_uuid))
        .subquery()
    )
    return sa.select(
        sa.func.max(orders.c.customer).label("customer"),
        sa.func.count().label("orders"),
        sa.func.min(orders.c.oldest).label("oldest"),
    ).group_by(spelling(orders.c.customer))


def _has_row(
    tables: Tables, of: sa.FromClause, condition: Callable[[sa.FromClause], sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    """Whether a row of the same order, in either queue table, meets the condition."""
    others = [table.alias("other") for table in (tables.header_queue, tables.line_queue)]
    return sa.or_(*(sa.exists().where(same_order(other, of), condition(other)) for other in others))


# ---- rejected rows ------------------------------------------------------------------------------------


def _rejected_queries(tables: Tables, run_id: str | None) -> dict[str, sa.Select[Any]]:
    """Headers and lines in ERROR, each with the log entry of its last rejection."""
    h, line, o, log, items = tables.header_queue, tables.line_queue, tables.orders, tables.log, tables.items
    queries = {}
    for kind, table, own in (
        (
            "header",
            h,
            (
                sa.func.coalesce(h.c[CUSTOMER], o.c[CUSTOMER]).label("customer"),
                sa.func.coalesce(h.c[ORDER_NUMBER], o.c[ORDER_NUMBER]).label("order_number"),
                sa.null().label("size"),
                h.c.monday_item_id.label("item_id"),
            ),
        ),
        (
            "line",
            line,
            (
                o.c[CUSTOMER].label("customer"),
                o.c[ORDER_NUMBER].label("order_number"),
                line.c.size_code.label("size"),
                sa.func.coalesce(line.c.parent_item_id, o.c.monday_item_id).label("item_id"),
            ),
        ),
    ):
        logged = log.alias("logged")
        last = (
            sa.select(sa.func.max(logged.c.log_id))
            .where(logged.c.delta_uuid == table.c.delta_uuid, logged.c.outcome == "rejected")
            .correlate(table)
            .scalar_subquery()
        )
        query = (
            sa.select(
                *own,
                table.c.record_uuid,
                table.c.delta_uuid,
                table.c.sync_error_message.label("reason"),
                table.c.retry_count.label("tries"),
                sa.func.coalesce(log.c.run_id, table.c.sync_run_id).label("run_id"),
                log.c.logged_at.label("rejected_at"),
                log.c.code,
                log.c.request_id,
                sa.func.coalesce(log.c.board_id, items.c.board_id).label("board_id"),
            )
            .select_from(
                table.outerjoin(o, o.c.record_uuid == table.c.record_uuid)
                .outerjoin(log, log.c.log_id == last)
                .outerjoin(items, items.c.record_uuid == table.c.record_uuid)
            )
            .where(is_rejected(table))
            .order_by(table.c.created_at, table.c.delta_uuid)
        )
        queries[kind] = query.where(is_of_run(table, run_id)) if run_id else query
    return queries


def _rejected_row(row: Row, kind: str, links: Links, customers: Customers) -> RejectedRow:
    board_id = None if row["code"] == Rule.NO_BOARD else links.or_only(row["board_id"])
    return RejectedRow(
        row=kind,
        customer=customers.name(row["customer"]),
        order_number=row["order_number"],
        record_uuid=row["record_uuid"] or NO_UUID,
        delta_uuid=row["delta_uuid"] or NO_UUID,
        size=row["size"],
        code=row["code"],
        reason=without_code(row["reason"] or "") or "no reason was recorded",
        tries=row["tries"],
        rejected_at=row["rejected_at"],
        request_id=row["request_id"],
        run_id=row["run_id"],
        run_url=links.run(row["run_id"]),
        board_id=board_id,
        board=links.board_name(board_id),
        board_url=links.board(board_id),
        item_url=links.item(board_id, row["item_id"]),
    )


def _categories(rejected: Iterable[RejectedRow], names: TableNames) -> list[Category]:
    """The most frequent first."""
    by_code: dict[str | None, list[RejectedRow]] = defaultdict(list)
    for row in rejected:
        by_code[row.code].append(row)
    found = []
    for code, rows in by_code.items():
        advised = advice(code, names)
        found.append(
            Category(
                code=code,
                explained=advised.code,
                title=advised.title,
                by=advised.by,
                next=advised.next,
                rows=len(rows),
                orders=len({row.record_uuid for row in rows}),
                sample=rows[0].reason,
                example=rows[0],
            )
        )
    return sorted(found, key=lambda category: (-category.rows, category.title))


# ---- runs ---------------------------------------------------------------------------------------------


def run_of(database: Database, tables: Tables, beginning: str) -> str:
    """The run whose id begins like this; as it is if the log has none. Raises OrderSyncError if it has several."""
    run, beginning = tables.log.c.run_id, beginning.strip()
    if len(beginning) >= UUID_LENGTH:
        return beginning
    first = beginning.lower()
    seeks = run.between(first, f"{first}g")  # by the index: what follows is a digit, a letter up to f, or a hyphen
    query = sa.select(run).where(seeks, run.startswith(first, autoescape=True)).distinct()
    found = sorted({str(row["run_id"]).strip() for row in database.rows(query)})
    if len(found) > 1:
        several = ", ".join(found[:5])
        raise OrderSyncError(
            f"Several runs begin with '{beginning}': {several}. Give more of the id.", RunFault.UNKNOWN_RUN
        )
    return found[0] if found else beginning


def _runs_query(tables: Tables, since: datetime | None, run_id: str | None) -> sa.Select[Any]:
    log = tables.log

    def counted(outcome: str) -> sa.Label[int]:
        return sa.func.sum(sa.case((log.c.outcome == outcome, 1), else_=0)).label(outcome)

    began = sa.func.min(log.c.logged_at).label("began")
    run = sa.func.rtrim(log.c.run_id, type_=log.c.run_id.type)  # without this, SQLite would read the whole index
    query = sa.select(
        run.label("run_id"),
        began,
        sa.func.max(log.c.logged_at).label("ended"),
        sa.func.count(sa.distinct(log.c.delta_uuid)).label("rows"),
        *(counted(outcome) for outcome in ("created", "adopted", "rejected", "unsettled")),
    ).where(log.c.run_id == run_id if run_id else log.c.logged_at >= since, log.c.run_id != REQUEUED_BY)
    return query.group_by(run).order_by(began.desc())


def _run_line(row: Row, links: Links) -> RunLine:
    return RunLine(url=links.run(row["run_id"]), **row)
