"""The database itself: what is missing is named, values come back as they went in, and reading cannot write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from order_sync.database.catalog import columns
from order_sync.database.check import check_tables, create_all, inspect, missing
from order_sync.database.commit import commit
from order_sync.database.connection import Database, WritableDatabase, chunks
from order_sync.database.sources import check_sources, unknown_sources
from order_sync.database.tables import TableNames, Tables, make_tables
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import ColumnMapping
from order_sync_tests.contract.site import Site, make_order, new_uuid, record, uuids

ODD_TEXTS = (
    "O'Malley & Daughters",
    'The "Odd Sock" [Cabin]]',
    "七つ針メリヤス 🌅",
    "خياط القمر",
    "Straße\r\n\tends here; DROP TABLE x --",
    "100 % {of} $name \\ :param ?",
)


# ---- values ---------------------------------------------------------------------------------------------


def test_text_comes_back_as_it_went_in(site: Site) -> None:
    orders = [make_order(customer=text, number=text, lines=0, minute=n) for n, text in enumerate(ODD_TEXTS)]
    site.add(*orders)
    rows = site.queue().claimable_headers()
    assert [(row["customer"], row["order_number"]) for row in rows] == [(text, text) for text in ODD_TEXTS]
    site.change(site.tables.header_queue, {"sync_state": "ERROR"})
    for text in ODD_TEXTS:
        assert site.queue().retry([text]) == 1


def test_nothing_decimals_and_microseconds_keep_their_form(site: Site) -> None:
    at = datetime(2026, 2, 28, 23, 59, 59, 123_456)
    full = make_order(
        customer="A",
        lines=0,
        columns={
            "FINAL FOB (USD)": Decimal("1234567890123.4567"),
            "ETA CUSTOMER WAREHOUSE DATE": at,
            "TOTAL QTY": -32_768,
        },
    )
    empty = make_order(customer="B", number="", lines=0, columns={"FINAL FOB (USD)": None, "TOTAL QTY": None})
    site.add(full, empty)
    site.change(site.tables.header_queue, {"created_at": at}, record_uuid=record(full))
    site.claim("run-1", full, empty)
    first, second = site.queue().claimed_headers("run-1")
    if site.database.dialect == "mssql":
        # SQLite keeps a decimal as a float of 15 to 17 digits.
        assert first["FINAL FOB (USD)"] == Decimal("1234567890123.4567")
    assert abs(first["FINAL FOB (USD)"] - Decimal("1234567890123.4567")) < Decimal("0.001")
    assert (first["ETA CUSTOMER WAREHOUSE DATE"], first["created_at"], first["TOTAL QTY"]) == (at, at, -32_768)
    assert second["AAG ORDER NUMBER"] == ""
    for name in ("FINAL FOB (USD)", "TOTAL QTY", "ETA CUSTOMER WAREHOUSE DATE", "PO NUMBER", "monday_item_id"):
        assert second[name] is None


@pytest.mark.parametrize("price", ["0.0000", "7.2500", "0.0001", "19999.9999", "-3.5000"])
def test_prices_are_exact(site: Site, price: str) -> None:
    site.add(make_order(lines=0, columns={"FINAL FOB (USD)": Decimal(price)}))
    assert site.row(site.tables.header_queue)["FINAL FOB (USD)"] == Decimal(price)


def test_uuids_are_the_same_in_any_case(site: Site) -> None:
    order = make_order(lines=1)
    site.add(order)
    queue = site.queue()
    queue.claim_lines("run-1", [uuid.upper() for uuid in uuids([order], "lines")])
    assert [row["delta_uuid"] for row in queue.claimed_lines("run-1")] == uuids([order], "lines")


def test_leases_compare_the_clock_of_the_database(site: Site) -> None:
    """UTC, naive and with less than a minute between the two clocks of this test."""
    now = site.now()
    assert now.tzinfo is None
    assert abs(now - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


# ---- transactions ---------------------------------------------------------------------------------------


def test_a_failed_transaction_leaves_nothing(site: Site) -> None:
    order = make_order()
    site.add(order)

    def fail() -> None:
        with site.database.write() as connection:
            connection.execute(sa.update(site.tables.header_queue).values(sync_state="SYNCED"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert site.row(site.tables.header_queue)["sync_state"] == "NEW"


def test_a_plain_database_has_no_way_to_write(empty_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    shutil.copy(empty_file, path)
    database, tables = Database(f"sqlite:///{path}"), make_tables()
    try:
        assert not hasattr(database, "write")
        with (
            pytest.raises(OperationalError, match="readonly"),
            database.engine.connect() as connection,
        ):
            connection.execute(sa.delete(tables.header_queue))
    finally:
        database.dispose()


# ---- what is missing ------------------------------------------------------------------------------------


def test_complete_tables_lack_nothing(site: Site) -> None:
    assert missing(site.database, site.tables) == []
    check_tables(site.database, site.tables)
    assert create_all(site.database, site.tables) == []  # again is no harm
    nowhere = sa.Table("NO SUCH", sa.MetaData(schema=site.tables.orders.schema))
    found = columns(site.database, site.tables.orders, nowhere)
    assert found[site.tables.orders]["eta customer warehouse date"].name == "ETA CUSTOMER WAREHOUSE DATE"
    assert found[nowhere] == {}


def test_every_missing_table_and_column_is_named(site: Site) -> None:
    schema = site.tables.orders.schema
    wanted = make_tables(TableNames(header_queue="OTHER_DELTA"), schema=schema)
    lacks_columns = make_tables(TableNames(orders=site.tables.order_lines.name, order_lines="OTHER"), schema=schema)
    (table,) = (str(finding) for finding in missing(site.database, wanted))
    assert table.startswith(f"{wanted.header_queue.fullname}: the table does not exist")
    problems = [str(finding) for finding in missing(site.database, lacks_columns)]
    problems.remove(next(problem for problem in problems if "the table does not exist" in problem))
    assert all(problem.startswith(f"{lacks_columns.orders.fullname}: column [") for problem in problems)
    for name in ("ALIAS/RELATED ITEM", "FINAL FOB (USD)", "monday_item_id"):
        assert any(f"[{name}] is missing" in problem for problem in problems)
    assert "[record_uuid]" not in " ".join(problems)
    with pytest.raises(ConfigurationError, match=r"^OS-206: The database is not ready: .*OTHER_DELTA: .*db check"):
        check_tables(site.database, wanted)


# ---- the mapping's sources ------------------------------------------------------------------------------


def mapping_of(*sources: str, rule: str = "ORDER TYPE") -> ColumnMapping:
    columns = [{"source": source, "column": f"c{n}", "type": "text"} for n, source in enumerate(sources)]
    rules = [{"id": 4711, "where": {rule: ["SAMPLE"]}}]
    return ColumnMapping.model_validate({"items": {"columns": columns}, "boards": rules})


def mapped(site: Site, mapping: ColumnMapping) -> Tables:
    return make_tables(schema=site.tables.orders.schema, mapped_columns=mapping.item_sources)


def test_a_mapping_error_is_not_blamed_on_tables(site: Site) -> None:
    mapping = mapping_of("CUSTOMER STLYE", "ALIAS/RELATED ITEM", "GroupMonday", rule="ORDER TPYE")
    tables = mapped(site, mapping)
    assert missing(site.database, tables) == []
    assert not any("STLYE" in f"{finding}{finding.remedy}" for finding in inspect(site.database, tables))
    source, rule = unknown_sources(site.database, tables, mapping)
    queue, orders = tables.header_queue.fullname, tables.orders.fullname
    assert str(source) == (
        f"items.columns names [CUSTOMER STLYE], which is a column of neither {queue} nor {orders} "
        "(did you mean 'CUSTOMER STYLE'?)"
    )
    assert str(rule).startswith("the rule of board 4711 names [ORDER TPYE], ")
    assert str(rule).endswith("(did you mean 'ORDER TYPE'?)")
    with pytest.raises(ConfigurationError, match=r"^OS-109: The mapping m\.toml does not fit .*: .*STLYE.*; .*TPYE"):
        check_sources(site.database, tables, mapping, "m.toml")


def test_the_statement_for_a_missing_table_knows_no_mapping(site: Site) -> None:
    mapping = mapping_of("CUSTOMER STLYE")
    names = TableNames(orders="OTHER_LIST")
    tables = make_tables(names, schema=site.tables.orders.schema, mapped_columns=mapping.item_sources)
    (finding,) = missing(site.database, tables)
    assert "[ALIAS/RELATED ITEM]" in finding.remedy
    assert "STLYE" not in finding.remedy


def test_a_column_of_any_type_may_be_mapped(site: Site) -> None:
    """A site's ORDER_LIST has columns beside those of order_sync, of any type."""
    names = TableNames(orders="PRICED_LIST")
    schema = site.tables.orders.schema
    theirs = make_tables(names, schema=schema)
    theirs.orders.append_column(sa.Column("UNIT PRICE", sa.Numeric(17, 4)))
    create_all(site.database, theirs)
    try:
        mapping = mapping_of("UNIT PRICE", rule="UNIT PRICE")
        tables = make_tables(names, schema=schema, mapped_columns=mapping.item_sources)
        assert unknown_sources(site.database, tables, mapping) == []
        assert not any("UNIT PRICE" in str(finding) for finding in inspect(site.database, tables))
        slip = mapping_of("UNIT PRCIE")
        tables = make_tables(names, schema=schema, mapped_columns=slip.item_sources)
        (unknown,) = unknown_sources(site.database, tables, slip)
        assert unknown.reason.endswith("(did you mean 'UNIT PRICE'?)")
    finally:
        with site.database.write() as connection:
            theirs.orders.drop(connection)


def test_a_column_of_the_queue_alone_is_named_as_such(site: Site) -> None:
    names = TableNames(header_queue="REMARKED_DELTA")
    schema = site.tables.orders.schema
    theirs = make_tables(names, schema=schema)
    theirs.header_queue.append_column(sa.Column("REMARK", sa.Unicode(50)))
    create_all(site.database, theirs)
    try:
        mapping = mapping_of("REMARK")
        tables = make_tables(names, schema=schema, mapped_columns=mapping.item_sources)
        (unknown,) = unknown_sources(site.database, tables, mapping)
        assert f"is a column of {tables.header_queue.fullname} only" in unknown.reason
    finally:
        with site.database.write() as connection:
            theirs.header_queue.drop(connection)


def test_a_missing_database_is_named_with_the_next_step(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere.db'}")
    with pytest.raises(ConfigurationError, match=r"no database at .*nowhere\.db\. Create one .*`order-sync db init`"):
        check_tables(database, make_tables())
    database.dispose()


def test_a_file_other_than_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    path.write_text("this is no database at all, but it is long enough to be read as one" * 20)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(ConfigurationError, match=r"cannot be reached: file is not a database"):
        check_tables(database, make_tables())
    database.dispose()


@pytest.mark.parametrize(
    "url", ["no url at all", "postgresql://user:hunter2@host/db", "mssql+pyodbc://u:hunter2@h:port/d", ""]
)
def test_a_wrong_url_is_named_and_not_shown(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"ORDER_SYNC_DATABASE_URL \(or --url\) is not a supported database URL"
    ) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"OS-\d{3}: .* names no SQLite file"):
        Database(url).check_reachable()


# ---- names ----------------------------------------------------------------------------------------------


@pytest.fixture
def oddly_named(tmp_path: Path) -> Iterator[Site]:
    names = TableNames(
        header_queue="Order's [List] Δ", line_queue='Order "lines" Δ', orders="select", order_lines="100 % lines; --"
    )
    site = Site(database=WritableDatabase(f"sqlite:///{tmp_path / 'odd.db'}"), tables=make_tables(names))
    create_all(site.database, site.tables)
    yield site
    site.database.dispose()


def test_tables_may_have_any_name(oddly_named: Site) -> None:
    site, order = oddly_named, make_order(customer="Ott", headers=2)
    check_tables(site.database, site.tables)
    site.add(order)
    site.claim("run-1", order)
    site.change(site.tables.header_queue, {"monday_item_id": 1})
    site.change(site.tables.line_queue, {"monday_subitem_id": 2})
    assert commit(site.database, site.queue(), "run-1").ready == [record(order)]
    assert site.row(site.tables.orders)["monday_item_id"] == 1
    site.change(site.tables.header_queue, {"action_type": "DELETE", "sync_state": "NEW"})
    assert {row["delta_uuid"] for row in site.queue().claimable_headers()} == set(uuids([order], "headers"))


def test_mapped_columns_may_have_any_name(tmp_path: Path) -> None:
    names = ["[XS]", "32/30", "ONE SIZE", '100 % "cotton"', "Customer's no.", "a:b", "CUSTOMER NAME", "32/30"]
    tables = make_tables(mapped_columns=names)
    site = Site(database=WritableDatabase(f"sqlite:///{tmp_path / 'odd.db'}"), tables=tables)
    try:
        create_all(site.database, tables)
        order = make_order(lines=0)
        order.orders[0].update({name: f"value of {name}" for name in names if name != "CUSTOMER NAME"})
        site.add(order)
        site.claim("run-1", order)
        [row] = site.queue().claimed_headers("run-1")
        assert {name: row[name] for name in names} == {
            name: "Weber & Co" if name == "CUSTOMER NAME" else f"value of {name}" for name in names
        }
    finally:
        site.database.dispose()


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (999, [999]), (1_000, [1_000]), (1_001, [1_000, 1])])
def test_chunks(count: int, sizes: list[int]) -> None:
    found = list(chunks(range(count)))
    assert [len(chunk) for chunk in found] == sizes
    assert [n for chunk in found for n in chunk] == list(range(count))


def test_an_unknown_record_is_nobodys(site: Site) -> None:
    assert site.queue().headers([new_uuid()]) == []
    assert len(site.queue().claim_headers("run-1", [new_uuid()])) == 0
    assert commit(site.database, site.queue(), "run-1").ready == []
