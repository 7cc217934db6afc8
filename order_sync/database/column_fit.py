"""Does a column, as a database has it, hold what order_sync reads from it and writes to it?

In: a table of ours and the columns that were found. Out: one `Misfit` a column, with the alteration that corrects it.
Pure: asks no database, and looks at no column that only the mapping knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from order_sync.database.catalog import FoundColumn
from order_sync.database.ddl import TEXT, Alteration, sql_type
from order_sync.database.tables import EMPTIED, WRITTEN, is_only_mapped
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER

# The data types, as INFORMATION_SCHEMA names them, that hold what a column of ours holds.
GUID = frozenset({"uniqueidentifier"})
TIME = frozenset({"datetime2", "datetime", "smalldatetime"})
NUMBER = frozenset({"smallint", "int", "bigint", "tinyint", "decimal", "numeric", "money", "float", "real"})
BIG = frozenset({"bigint", "decimal", "numeric"})
COMPARABLE = TEXT - {"ntext", "text"}  # nothing can be compared with the other two, or counted by them

SHORTEST_MESSAGE = 500  # characters; less would lose the reason for a rejection
CODE_PAGE = frozenset({"varchar", "char", "text"})

# What happens to a row without a value, and whether that blocks a sync.
WITHOUT = {
    "delta_uuid": ("no run can claim a row without it", True),
    "record_uuid": ("a row without it belongs to no order and cannot be synced", False),
    "line_uuid": ("a line without it cannot be synced", False),
    "sync_state": ("a row without it is not claimed", False),
    "action_type": ("a row without it is not claimed", False),
    "created_at": ("a row without it counts as the oldest", False),
    "retry_count": ("the rejections of a row without it are not counted", False),
}


@dataclass(frozen=True)
class _Wrong:
    problem: str
    blocks: bool
    to_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A problem of a column, and the change that corrects it, if there is one."""

    problem: str
    blocks: bool
    change: Alteration | None = None


def misfits(table: sa.Table, found: Mapping[str, FoundColumn], *, ours: bool) -> Iterator[Misfit]:
    for column in table.columns:
        there = found.get(column.name.lower())
        if there is None or is_only_mapped(column):
            continue
        yield from _notes_on_text(column, there, ours=ours)
        wrong_type = _type(column, there, ours=ours)
        wrong_null = _nullability(column, there, ours=ours)
        wrong = [each for each in (wrong_type, wrong_null) if each]
        if wrong:
            yield Misfit(
                problem=f"column [{column.name}] " + "; and it ".join(each.problem for each in wrong),
                blocks=any(each.blocks for each in wrong),
                change=Alteration(
                    column=column,
                    found=there,
                    to_type=wrong_type.to_type if wrong_type else "",
                    nullable=column.nullable if wrong_null else None,
                ),
            )


# ---- types --------------------------------------------------------------------------------------------


def _type(column: sa.Column[Any], there: FoundColumn, *, ours: bool) -> _Wrong | None:
    if not there.type:  # SQLite: a column holds any type
        return None
    wanted = _accepted(column)
    if there.type not in wanted:
        return _Wrong(f"is {there.type}, but must be one of {', '.join(sorted(wanted))}", True, sql_type(column))
    written = ours or column.name in WRITTEN
    if written and _too_short(column, there):
        length = getattr(column.type, "length", None)
        needed = length or f"{there.type}(max)"
        longer = f"{there.type.upper()}({length or 'max'})"
        return _Wrong(f"holds {there.length} characters, but {needed} are needed", True, longer)
    if isinstance(column.type, sa.DateTime) and (written or column.name == "created_at"):
        return _coarse(column, there, ours=ours)
    return None


def _accepted(column: sa.Column[Any]) -> frozenset[str]:
    kind = column.type
    if sql_type(column).upper() == "UNIQUEIDENTIFIER":
        return GUID
    if isinstance(kind, sa.BigInteger):
        return BIG
    if column.name in ("sync_state", "action_type"):
        return frozenset({"nvarchar", "varchar"})  # char would come back with blanks behind it
    if isinstance(kind, sa.String):
        return COMPARABLE if column.name in (CUSTOMER, ORDER_NUMBER) else TEXT
    if isinstance(kind, sa.DateTime):
        # A business date may also be a plain date.
        tracking = column.name.startswith(("sync_", "created_at", "last_synced"))
        return TIME if tracking else TIME | {"date", "datetimeoffset"}
    return NUMBER


def _too_short(column: sa.Column[Any], there: FoundColumn) -> bool:
    if there.length is None or there.length == -1:
        return False
    return there.length < (getattr(column.type, "length", None) or SHORTEST_MESSAGE)


def _coarse(column: sa.Column[Any], there: FoundColumn, *, ours: bool) -> _Wrong | None:
    """A time that is rounded: a lease that is may end before it should, or be another run's at the same moment."""
    better = sql_type(column)
    if there.type == "smalldatetime":
        is_lease = ours or column.name == "sync_attempted_at"
        what = "a lease needs seconds" if is_lease else "rows of the same minute have no order"
        return _Wrong(f"is smalldatetime, which rounds to a minute: {what}; use datetime2", is_lease, better)
    if there.type == "datetime":
        return _Wrong("is datetime, which rounds to 3 ms; use datetime2", False, better)
    if there.scale is not None and there.scale < 3:
        rounded = f"is {there.type}({there.scale}), which rounds to 1/{10**there.scale} s; use datetime2"
        return _Wrong(rounded, False, better)
    return None


# ---- NULL ---------------------------------------------------------------------------------------------


def _nullability(column: sa.Column[Any], there: FoundColumn, *, ours: bool) -> _Wrong | None:
    if there.nullable is None or there.nullable is column.nullable:
        return None
    if there.nullable:
        if ours:
            return None  # order_sync alone fills it
        what, blocks = WITHOUT.get(column.name, ("a row without it is not found", False))
        return _Wrong(f"allows NULL: {what}", blocks)
    if ours or column.name in EMPTIED:
        return _Wrong("does not allow NULL, but order_sync writes NULL to it", True)
    return None


# ---- text ---------------------------------------------------------------------------------------------


def is_case_sensitive(collation: str) -> bool:
    return "_CS_" in f"{collation.upper()}_" or "_BIN" in collation.upper()


def _notes_on_text(column: sa.Column[Any], there: FoundColumn, *, ours: bool) -> Iterator[Misfit]:
    if not there.collation:
        return
    if column.name in ("sync_state", "action_type") and not ours and is_case_sensitive(there.collation):
        yield Misfit(
            problem=f"column [{column.name}] has the collation {there.collation}, in which 'new' is not 'NEW': "
            "write states and actions in capitals",
            blocks=False,
        )
    holds_messages = isinstance(column.type, sa.Unicode | sa.UnicodeText) and column.name != "monday_group_id"
    written = ours or column.name in WRITTEN
    if holds_messages and written and there.type in CODE_PAGE and "_UTF8" not in there.collation.upper():
        yield Misfit(
            problem=f"column [{column.name}] is {there.type} in the collation {there.collation}: "
            "characters missing in its code page become question marks",
            blocks=False,
        )
