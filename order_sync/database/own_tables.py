"""The tables of order_sync's own, whose names begin with ORDER_SYNC_.

In: the metadata, with the schema that they are in. Out: the tables by what `Tables` calls them.
Never the site's: those are tables.py's, and nobody alters them.
"""

from __future__ import annotations

import sqlalchemy as sa

from order_sync.database.column_types import datetime2, index_uuids, text
from order_sync.database.guid import Guid, uuid_key

VERSION = 4  # of these definitions; upgrades.py has a step to each version after the first
OF_VERSION = "order_sync_version"  # what the table of versions says of itself once it is created


def own_tables(metadata: sa.MetaData) -> dict[str, sa.Table]:
    return {
        "journal": _journal(metadata),
        "groups": _groups(metadata),
        "boards": _boards(metadata),
        "budgets": _budgets(metadata),
        "log": _log(metadata),
        "items": _items(metadata),
        "subitems": _subitems(metadata),
        "cancelled": _cancelled(metadata),
        "looks": _looks(metadata),
        "edits": _edits(metadata),
        "schema_versions": _schema_versions(metadata),
    }


def _journal(metadata: sa.MetaData) -> sa.Table:
    """A request's row is committed before the request leaves; see journal.py."""
    return sa.Table(
        "ORDER_SYNC_JOURNAL",
        metadata,
        sa.Column("idempotency_key", sa.String(64), primary_key=True),
        sa.Column("board_id", sa.BigInteger, nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("keys", text(), nullable=False),  # JSON list: alias a0, a1, ... in this order
        sa.Column("body", text()),  # the exact JSON body; NULL once closed
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("opened_at", datetime2(), nullable=False),
        sa.Column("sent_at", datetime2(), nullable=False),
        sa.Column("closed_at", datetime2()),
        sa.Index("IX_ORDER_SYNC_JOURNAL_open", "board_id", "state"),
        sa.Index("IX_ORDER_SYNC_JOURNAL_state", "state", "closed_at"),
        sa.Index("IX_ORDER_SYNC_JOURNAL_operation", "operation", "opened_at"),
    )


def _groups(metadata: sa.MetaData) -> sa.Table:
    """The groups that order_sync made, or found under a title that it wanted."""
    return sa.Table(
        "ORDER_SYNC_GROUPS",
        metadata,
        sa.Column("board_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("group_id", text(128), primary_key=True),
        sa.Column("title", text(255), nullable=False),
        sa.Column("created_at", datetime2(), nullable=False),
    )


def _boards(metadata: sa.MetaData) -> sa.Table:
    """The lease on each board; see board_lease.py."""
    return sa.Table(
        "ORDER_SYNC_BOARDS",
        metadata,
        sa.Column("board_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("leased_until", datetime2()),
        sa.Column("name", text()),  # these two as monday had them when a run last took the board, for links
        sa.Column("url", text()),
    )


def _budgets(metadata: sa.MetaData) -> sa.Table:
    """The remaining complexity of an account, for all runs that use its token; see budget.py."""
    return sa.Table(
        "ORDER_SYNC_BUDGETS",
        metadata,
        sa.Column("account", sa.String(32), primary_key=True),  # a digest: no token is kept
        sa.Column("points_left", sa.BigInteger, nullable=False),
        sa.Column("points_in_flight", sa.BigInteger, nullable=False),
        sa.Column("points_taken", sa.BigInteger, nullable=False),
        sa.Column("points_before", sa.BigInteger, nullable=False),
        sa.Column("ends_at", datetime2(), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),  # another one with every change
    )


def _log(metadata: sa.MetaData) -> sa.Table:
    """The history of every row: each answer of monday and each decision of a run, for `order-sync trace`."""
    log = sa.Table(
        "ORDER_SYNC_LOG",
        metadata,
        sa.Column("log_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("logged_at", datetime2(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("board_id", sa.BigInteger),
        sa.Column("delta_uuid", Guid(), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("monday_id", sa.BigInteger),
        sa.Column("code", sa.String(64)),  # monday's, or a Rule of our own
        sa.Column("message", text()),
        sa.Column("request_id", sa.String(64)),  # what monday calls the request, for its support
        sa.Column("idempotency_key", sa.String(64)),  # of the request, where there was one
        sa.Column("payload", text()),  # what was sent of the row, where ORDER_SYNC_LOG_PAYLOADS asks for it
        sa.Index("IX_ORDER_SYNC_LOG_time", "logged_at"),
        sa.Index("IX_ORDER_SYNC_LOG_run", "run_id"),
    )
    sa.Index("IX_ORDER_SYNC_LOG_row", log.c.delta_uuid).ddl_if(dialect="mssql").info["dialect"] = "mssql"
    sa.Index("IX_ORDER_SYNC_LOG_row_key", uuid_key(log.c.delta_uuid)).ddl_if(dialect="sqlite").info["dialect"] = (
        "sqlite"
    )
    return log


def _items(metadata: sa.MetaData) -> sa.Table:
    """The item of each order, and what was last written there; see written.py."""
    items = sa.Table(
        "ORDER_SYNC_ITEMS",
        metadata,
        sa.Column("record_uuid", Guid(), primary_key=True),
        sa.Column("board_id", sa.BigInteger, nullable=False),
        sa.Column("item_id", sa.BigInteger, nullable=False),
        sa.Column("group_id", text(128)),  # where it was put; NULL: adopted, wherever it was
        sa.Column("name", text()),
        sa.Column("written", text()),  # the column values as they were sent, as JSON; NULL: adopted, never written
        sa.Column("written_at", datetime2(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Index("IX_ORDER_SYNC_ITEMS_item", "item_id"),
    )
    index_uuids(items, "record", primary=True)
    return items


def _subitems(metadata: sa.MetaData) -> sa.Table:
    """The subitem of each line, in the same way. `board_id` is that of its item."""
    subitems = sa.Table(
        "ORDER_SYNC_SUBITEMS",
        metadata,
        sa.Column("line_uuid", Guid(), primary_key=True),
        sa.Column("record_uuid", Guid(), nullable=False),
        sa.Column("board_id", sa.BigInteger, nullable=False),
        sa.Column("subitem_id", sa.BigInteger, nullable=False),
        sa.Column("parent_item_id", sa.BigInteger),
        sa.Column("name", text()),
        sa.Column("written", text()),
        sa.Column("written_at", datetime2(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Index("IX_ORDER_SYNC_SUBITEMS_subitem", "subitem_id"),
        sa.Index("IX_ORDER_SYNC_SUBITEMS_parent", "parent_item_id"),
    )
    index_uuids(subitems, "line", primary=True)
    return subitems


def _cancelled(metadata: sa.MetaData) -> sa.Table:
    """Orders and lines that a DELETE row has taken off the board, or that were on none; see cancelled.py."""
    cancelled = sa.Table(
        "ORDER_SYNC_CANCELLED",
        metadata,
        sa.Column("key_uuid", Guid(), primary_key=True),  # a record_uuid or a line_uuid
        sa.Column("of_version", datetime2(), nullable=False),  # created_at of the newest row that it was cancelled by
        sa.Column("board_id", sa.BigInteger),
        sa.Column("monday_id", sa.BigInteger),  # NULL: nothing was on a board
        sa.Column("cancelled_at", datetime2(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
    )
    index_uuids(cancelled, "key", primary=True)
    return cancelled


def _looks(metadata: sa.MetaData) -> sa.Table:
    """Up to when each board is known to agree with the tables; see looks.py."""
    return sa.Table(
        "ORDER_SYNC_LOOKS",
        metadata,
        sa.Column("board_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("looked_at", datetime2(), nullable=False),  # when the last look began that found no difference
        sa.Column("whole_at", datetime2(), nullable=False),  # the same of the last one that read the whole board
        # How many more the board had than ORDER_SYNC_ITEMS and ORDER_SYNC_SUBITEMS; below 0 if it had fewer.
        sa.Column("other_items", sa.BigInteger, nullable=False),
        sa.Column("other_subitems", sa.BigInteger, nullable=False),
    )


def _edits(metadata: sa.MetaData) -> sa.Table:
    """What people have edited on the boards, and a run has left as it is; see edits.py."""
    edits = sa.Table(
        "ORDER_SYNC_EDITS",
        metadata,
        sa.Column("key_uuid", Guid(), primary_key=True),  # the record_uuid of an item, the line_uuid of a subitem
        sa.Column("column_id", text(64), primary_key=True),  # monday's, or "name" or "group"
        sa.Column("record_uuid", Guid(), nullable=False),
        sa.Column("board_id", sa.BigInteger, nullable=False),  # of a subitem that of its item
        sa.Column("monday_id", sa.BigInteger),
        sa.Column("on_board", text()),
        sa.Column("not_written", text()),  # as it would have been sent, as JSON; NULL: it would have been cleared
        sa.Column("seen_at", datetime2(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Index("IX_ORDER_SYNC_EDITS_board", "board_id"),
    )
    index_uuids(edits, "key", primary=True)
    index_uuids(edits, "record")
    return edits


def _schema_versions(metadata: sa.MetaData) -> sa.Table:
    """Each version that these tables have come to, and when; see upgrades.py."""
    return sa.Table(
        "ORDER_SYNC_SCHEMA",
        metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("upgraded_at", datetime2(), nullable=False),
        info={OF_VERSION: VERSION},
    )
