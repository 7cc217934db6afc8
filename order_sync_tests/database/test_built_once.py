"""SQL that is built once: the same for the same tables, and never another table's."""

from __future__ import annotations

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.conditions import is_superseded, waits
from order_sync.database.tables import TableNames, make_tables


def test_a_condition_is_built_once_a_table() -> None:
    tables, others = make_tables(), make_tables(TableNames(header_queue="QUEUE"))
    assert waits(tables.header_queue) is waits(tables.header_queue)
    assert alias(tables.header_queue, "newer") is alias(tables.header_queue, "newer")
    made = [waits(table) for table in (tables.header_queue, tables.line_queue, others.header_queue)]
    assert len({str(condition) for condition in made}) == 3


def test_a_condition_stands_in_one_statement_several_times() -> None:
    """Within each other, too: what the inner one reads must not be taken for what the outer one reads."""
    h = make_tables().header_queue
    inner = sa.exists().where(is_superseded(alias(h, "inner"), h), waits(alias(h, "inner")))
    query = sa.select(h.c.delta_uuid).where(waits(h), is_superseded(h, h), sa.or_(is_superseded(h, h), inner))
    assert str(query).count(f'FROM "{h.name}" AS newer') == 3
    assert str(query).count(f'FROM "{h.name}" AS inner') + str(query).count(f'FROM "{h.name}" AS "inner"') == 1
