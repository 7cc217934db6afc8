"""Conditions on queue rows, the same for every reader and writer: what waits, what is rejected, what is understood.

In: a queue table or an alias of one. Out: SQL conditions, nothing else.
State and action count without regard to case and outer blanks. The queue keeps its SYNCED rows for years, so every
condition on waiting rows also says so in ranges of sync_state as it is, which an index answers under any collation.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from order_sync.database.built_once import built_once
from order_sync.database.guid import loose_key, no_uuid, uuid_key
from order_sync.database.unreadable import OLDEST, Since
from order_sync.orders.states import Action, State

WAITING = (State.NEW, State.PENDING)


def folded(value: object) -> str:
    """A state or an action that was read, as it counts; '' for NULL."""
    return "" if value is None else str(value).strip(" ").upper()


@built_once
def state_of(table: sa.FromClause) -> sa.ColumnElement[str]:
    """sync_state as it counts; NULL stays NULL."""
    return _folded(table.c.sync_state)


@built_once
def action_of(table: sa.FromClause) -> sa.ColumnElement[str]:
    return _folded(table.c.action_type)


@built_once
def is_insert(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return _is_one_of(table.c.action_type, Action.INSERT)


@built_once
def is_delete(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return _is_one_of(table.c.action_type, Action.DELETE)


@built_once
def has_known_action(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return _is_one_of(table.c.action_type, *Action)


@built_once
def unsynced(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Rows that are not SYNCED, those without a state among them."""
    usual = table.c.sync_state.in_([state for state in State if state is not State.SYNCED])
    return sa.and_(_is_elsewhere(table), sa.or_(usual, sa.func.coalesce(state_of(table), "") != State.SYNCED))


@built_once
def in_states(table: sa.FromClause, *states: State) -> sa.ColumnElement[bool]:
    """Rows in these states, which must not be SYNCED, whose action is known."""
    return sa.and_(_is_elsewhere(table), _is_in(table, *states))


def waits(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Rows that a run may want to take up, now or later."""
    return in_states(table, *WAITING)


@built_once
def is_rejected(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return in_states(table, State.ERROR)


@built_once
def is_synced(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """SYNCED rows, years of them: beside another condition that an index answers, as by the time."""
    return state_of(table) == State.SYNCED  # of the state as it counts, which tempts no database to the index of states


def is_of_run(table: sa.FromClause, run_id: str) -> sa.ColumnElement[bool]:
    """Rows that bear the run's id, in any state: those that it holds, has made SYNCED or ERROR."""
    return sa.and_(table.c.sync_state.in_(list(State)), table.c.sync_run_id == run_id)


@built_once
def is_claimed(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Rows that a run holds, whether its lease is good or not."""
    # Greater than nothing, and not only NOT NULL, which SQLite does not look up in an index.
    return sa.and_(table.c.sync_state == State.PENDING, table.c.sync_run_id > "")


@built_once
def has_unknown_state(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return _is_none_of(table.c.sync_state, State)


@built_once
def has_unknown_action(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return _is_none_of(table.c.action_type, Action)


@built_once
def has_no_order(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """record_uuid names no order."""
    return no_uuid(table.c.record_uuid)


@built_once
def has_no_key(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """The row has no unique key: its delta_uuid or line_uuid is not a uuid."""
    return sa.or_(*(no_uuid(table.c[name]) for name in ("delta_uuid", "line_uuid") if name in table.c))


@built_once
def is_superseded(table: sa.FromClause, headers: sa.Table) -> sa.ColumnElement[bool]:
    """A newer row of the same order, or of the same line, waits: what the older one said no longer counts.

    A line has no say any more if its order is to be cancelled, either.
    """
    newer, here, there = _newer(table)
    later = sa.or_(there > here, sa.and_(there == here, newer.c.delta_uuid > table.c.delta_uuid))
    replaced = sa.exists().where(*_same(newer, table), waits(newer), later)
    if "line_uuid" not in table.c:
        return replaced
    cancels = headers.alias("cancels")
    after = moment(cancels) >= here
    return sa.or_(replaced, sa.exists().where(same_order(cancels, table), waits(cancels), is_delete(cancels), after))


@built_once
def is_outdated(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """A newer row of the same order, or of the same line, is SYNCED already: what this one says came too late.

    Of two that were created at the same time the one that comes later counts, for that is all that is known of them.
    """
    newer, here, there = _newer(table)
    return sa.exists().where(*_same(newer, table), is_synced(newer), there > here)


@built_once
def blocks_its_order(table: sa.FromClause, headers: sa.Table) -> sa.ColumnElement[bool]:
    """Rows that hold their whole order back until a person has corrected them."""
    # Asked of each row of each order that waits: nearly all are as they should be, which two comparisons show.
    usual = sa.and_(table.c.sync_state.in_(WAITING), table.c.action_type.in_(list(Action)))
    rejected = sa.and_(_is_in(table, State.ERROR), ~is_superseded(table, headers))
    wrong = sa.or_(rejected, sa.and_(unsynced(table), _is_unknown(table)))
    no_key = sa.and_(_is_in(table, *WAITING), has_no_key(table))
    found = sa.case((usual, flag(has_no_key(table))), else_=flag(sa.or_(wrong, no_key)))
    return sa.and_(_is_elsewhere(table), found == 1)


def same_order(table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.record_uuid == other.c.record_uuid


def of_each_row(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Conditions on rows that another one names by their keys.

    As a CASE they cannot tempt a database to read all rows of a state, or all that lack an id, for each few keys.
    """
    return sa.case((sa.and_(*conditions), 1), else_=0) == 1


@built_once
def twice(column: sa.Column[Any]) -> sa.Select[Any]:
    """The uuids in a column that several of the table's waiting rows bear."""
    table, key = column.table, loose_key(column)
    return sa.select(key.label("key")).where(waits(table)).group_by(key).having(sa.func.count() > 1)


@built_once
def created(table: sa.FromClause) -> sa.Label[datetime]:
    """created_at, which a site may have left empty or filled with something else: such rows are the oldest."""
    return sa.type_coerce(moment(table), Since()).label("created_at")


@built_once
def moment(table: sa.FromClause) -> sa.ColumnElement[datetime]:
    """The same, to compare and not to read."""
    return sa.func.coalesce(table.c.created_at, sa.literal(OLDEST, table.c.created_at.type))


def _folded(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.func.upper(sa.func.ltrim(sa.func.rtrim(column)), type_=column.type)


def _newer(table: sa.FromClause) -> tuple[sa.FromClause, sa.ColumnElement[datetime], sa.ColumnElement[datetime]]:
    """Another row of the queue, and the time of this row and of that."""
    newer = (table.element if isinstance(table, sa.Alias) else table).alias("newer")
    return newer, moment(table), moment(newer)


def _same(one: sa.FromClause, other: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """Both are of the same order or, where they are lines, of the same line."""
    keys = [name for name in ("record_uuid", "line_uuid") if name in other.c]
    return [uuid_key(one.c[name]) == uuid_key(other.c[name]) for name in keys]


def flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def _is_elsewhere(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """What an index on sync_state finds beside the years of SYNCED rows."""
    state = table.c.sync_state
    return sa.or_(state < State.SYNCED, state > State.SYNCED, state.bool_op("IS")(_null()))


def _is_in(table: sa.FromClause, *states: State) -> sa.ColumnElement[bool]:
    return sa.and_(_is_one_of(table.c.sync_state, *states), has_known_action(table))


def _is_unknown(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Rows whose state or action order_sync does not know: what they want is anybody's guess."""
    return sa.or_(has_unknown_state(table), has_unknown_action(table))


def _is_one_of(column: sa.ColumnElement[Any], *values: StrEnum) -> sa.ColumnElement[bool]:
    """The value as it counts. Nearly all are spelled as they should be, which is looked at first: it costs less."""
    others = [other for other in type(values[0]) if other not in values]
    odd = [column.not_in(others)] if others else []
    return sa.or_(column.in_(values), sa.and_(*odd, _folded(column).in_(values)))


def _is_none_of(column: sa.ColumnElement[Any], kind: type[StrEnum]) -> sa.ColumnElement[bool]:
    return sa.or_(column.is_(None), sa.and_(column.not_in(list(kind)), _folded(column).not_in(list(kind))))


class _null(FunctionElement[None]):
    """NULL that SQLite looks up in an index also where the column is declared NOT NULL, instead of folding it."""

    inherit_cache = True


@compiles(_null)
def _plainly(_element: _null, _compiler: Any, **_: Any) -> str:
    return "NULL"


@compiles(_null, "sqlite")
def _as_a_value(_element: _null, _compiler: Any, **_: Any) -> str:
    return "nullif(1, 1)"


class alike(FunctionElement[Any]):
    """A text that stands in one column with a text of another table, whose collation may be another one."""

    inherit_cache = True

    def __init__(self, text: sa.ColumnElement[Any]) -> None:
        super().__init__(text)
        self.type = text.type


@compiles(alike)
def _as_it_is(element: alike, compiler: Any, **of: Any) -> str:
    return str(compiler.process(element.clauses, **of))


@compiles(alike, "mssql")
def _collated(element: alike, compiler: Any, **of: Any) -> str:
    # As Unicode first: the database's own code page may lack the characters of the column's.
    return f"CAST({compiler.process(element.clauses, **of)} AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT"
