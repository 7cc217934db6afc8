"""What goes to SQL Server with a statement: typed parameters, NULL written out, and nothing for it to describe."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import Tables, make_tables
from order_sync_tests.database.driver import URL, Driver, Sent

AT = datetime(2026, 11, 23, 8, 0, 0, 123_456)


@pytest.fixture
def driver() -> Iterator[Driver]:
    driver = Driver()
    with driver.in_place():
        yield driver


@pytest.fixture
def database(driver: Driver) -> Iterator[WritableDatabase]:
    database = WritableDatabase(URL)
    with database.read():
        pass
    driver.sent.clear()
    yield database
    database.dispose()


@pytest.fixture
def tables() -> Tables:
    return make_tables()


def send(database: WritableDatabase, driver: Driver, statement: sa.Executable, rows: object = None) -> list[Sent]:
    with database.write() as connection:
        connection.execute(statement, rows)  # type: ignore[call-overload]
    assert driver.described == []
    return driver.sent


def test_each_session_counts_rows_and_rolls_back_whole(database: WritableDatabase, driver: Driver) -> None:
    assert driver.settings == ["SET XACT_ABORT ON", "SET NOCOUNT OFF"]


def test_a_parameter_has_its_columns_type(database: WritableDatabase, driver: Driver, tables: Tables) -> None:
    key = uuid.uuid4()
    h = tables.header_queue
    query = sa.select(h.c.delta_uuid).where(
        h.c.delta_uuid == str(key).upper(),
        h.c.sync_state == "NEW",
        h.c["CUSTOMER NAME"] == "七",
        h.c.sync_error_message == "why",
        h.c["TOTAL QTY"] == 1,
        h.c.retry_count == 2,
        h.c.monday_item_id == 3,
        h.c.created_at == AT,
        h.c["FINAL FOB (USD)"] == Decimal("7.25"),
    )
    [sent] = send(database, driver, query)
    assert list(zip(sent.parameters, sent.types, strict=True)) == [
        (key, (-11, 16, 0)),
        ("NEW", (12, 8_000, 0)),  # varchar as varchar: as nvarchar it would scan the index
        ("七", (-9, 4_000, 0)),
        ("why", (-9, 0, 0)),  # nvarchar(max)
        (1, (5, 5, 0)),
        (2, (4, 10, 0)),
        (3, (-5, 19, 0)),
        (AT, (93, 27, 7)),
        (Decimal("7.25"), (2, 17, 4)),
    ]


def test_lists_are_typed_one_by_one(database: WritableDatabase, driver: Driver, tables: Tables) -> None:
    h = tables.header_queue
    query = sa.select(h.c.delta_uuid).where(h.c.monday_item_id.in_([1, 2, 3]), h.c.sync_state == "NEW")
    [sent] = send(database, driver, query)
    assert sent.types == ((-5, 19, 0),) * 3 + ((12, 8_000, 0),)


def test_nothing_is_written_out(database: WritableDatabase, driver: Driver, tables: Tables) -> None:
    h = tables.header_queue
    update = (
        sa.update(h)
        .where(h.c["CUSTOMER NAME"] == "what? [no]")
        .values(sync_run_id=None, sync_state="NEW", sync_error_message=None, GroupMonday="it's?")
    )
    [sent] = send(database, driver, update)
    assert sent.statement == (
        "UPDATE [ORDER_LIST_DELTA] SET sync_state=?, [GroupMonday]=?, sync_run_id=NULL, sync_error_message=NULL "
        "WHERE [ORDER_LIST_DELTA].[CUSTOMER NAME] = ?"
    )
    assert sent.parameters == ("NEW", "it's?", "what? [no]")
    assert sent.untyped == []


def test_question_marks_in_names_and_texts_are_no_parameters(database: WritableDatabase, driver: Driver) -> None:
    table = sa.table("what's? [it]", sa.column('a "?"', sa.Unicode(10)), sa.column("[b?]", sa.Unicode(10)))
    [sent] = send(database, driver, sa.insert(table).values({'a "?"': None, "[b?]": "x"}))
    assert sent.statement.endswith("VALUES (NULL, ?)")
    assert sent.parameters == ("x",)
    driver.sent.clear()
    query = sa.select(table).where(
        table.c["[b?]"] == sa.literal_column("'it''s ?'"), table.c['a "?"'] == sa.literal("y")
    )
    [sent] = send(database, driver, query)
    assert sent.parameters == ("y",)


def test_many_rows_are_one_statement_each_two_thousand_parameters(
    database: WritableDatabase, driver: Driver, tables: Tables
) -> None:
    rows = [
        {"board_id": 1, "group_id": f"g{n}", "title": None if n % 2 else f"T{n}", "created_at": AT} for n in range(600)
    ]
    sent = send(database, driver, sa.insert(tables.groups), rows)
    assert len(sent) == 2
    assert sum(len(one.parameters) for one in sent) == 600 * 4 - 300
    assert [one.untyped for one in sent] == [[], []]
    assert {one.statement.count("NULL") for one in sent} <= {262, 38} | {300 - 262}


def test_a_list_of_updates_goes_row_by_row(database: WritableDatabase, driver: Driver, tables: Tables) -> None:
    """The way of last resort: nothing of a run uses it."""
    boards = tables.boards
    update = sa.update(boards).where(boards.c.board_id == sa.bindparam("key")).values(run_id=sa.bindparam("run"))
    sent = send(database, driver, update, [{"key": 1, "run": "run-1"}, {"key": 2, "run": None}])
    assert [one.parameters for one in sent] == [("run-1", 1), (2,)]
    assert [one.untyped for one in sent] == [[], []]
