"""The sample orders: exact numbers, the traits they promise, and rows that a real database takes."""

from __future__ import annotations

import re
import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.database.check import create_all, missing
from order_sync.database.connection import WritableDatabase
from order_sync.database.queue import QueueReader
from order_sync.database.tables import make_tables
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders, make_orders
from order_sync.demo.words import Row
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import load_mapping
from order_sync.orders.naming import NAME_LIMIT, NAMING_COLUMNS, group_title, item_name, subitem_name

NOW = datetime(2026, 11, 23, 9, 30)
SMALLINT = 32_767
(ORDER_TYPE,) = [c for c in load_mapping().items.columns if c.source == "ORDER TYPE"]

ADDED = {Size.SMALL: (2, 1), Size.BUSY: (14, 6)}  # header and line rows that are no INSERT


@pytest.fixture(scope="module", params=list(Size))
def size(request: pytest.FixtureRequest) -> Size:
    return Size(request.param)


@pytest.fixture(scope="module")
def sample(size: Size) -> SampleOrders:
    return make_orders(size, created_at=NOW)


def inserts(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["action_type"] == "INSERT"]


def joined(sample: SampleOrders) -> list[Row]:
    """INSERT headers with the columns of their ORDER_LIST row, as the sync reads them."""
    orders = {row["record_uuid"]: row for row in sample.orders}
    return [orders[row["record_uuid"]] | row for row in inserts(sample.headers)]


def rejection(order: Row) -> str | None:
    """Why this header cannot get onto the board, None if it can."""
    try:
        group_title(order)
        item_name(order)
    except Rejected as error:
        return str(error)
    return None if order["ORDER TYPE"] in ORDER_TYPE.labels else "no such label"


def is_blank(value: str | None) -> bool:
    return not (value or "").strip()


# ---- numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [7, 1, 99])
@pytest.mark.parametrize(
    ("size", "customers", "groups", "headers", "lines", "bad_headers", "bad_lines"),
    [(Size.SMALL, 1, 5, 69, 317, 3, 1), (Size.BUSY, 34, 127, 7_405, 34_012, 12, 5)],
)
def test_has_exactly_the_numbers_of_its_size(
    size: Size,
    customers: int,
    groups: int,
    headers: int,
    lines: int,
    bad_headers: int,
    bad_lines: int,
    seed: int,
) -> None:
    sample = make_orders(size, seed=seed, created_at=NOW)
    orders = joined(sample)
    good = [row for row in orders if row["delta_uuid"] not in sample.expected_rejections]
    line_uuids = {row["delta_uuid"] for row in sample.lines}

    assert len(orders) == headers
    assert len(inserts(sample.lines)) == len(sample.order_lines) == lines
    assert len({row["CUSTOMER NAME"] for row in orders}) == customers
    assert len({group_title(row) for row in orders}) == len({group_title(row) for row in good}) == groups
    assert len(sample.expected_rejections) == bad_headers + bad_lines
    assert len(sample.expected_rejections.keys() & line_uuids) == bad_lines


def test_adds_a_few_changes_and_cancels(size: Size, sample: SampleOrders) -> None:
    headers = [row for row in sample.headers if row["action_type"] != "INSERT"]
    lines = [row for row in sample.lines if row["action_type"] != "INSERT"]
    first = {row["record_uuid"]: row["created_at"] for row in reversed(inserts(sample.headers))}

    assert (len(headers), len(lines)) == ADDED[size]
    assert {row["action_type"] for row in headers} == {"UPDATE"}
    assert {row["action_type"] for row in lines} == {"DELETE"}
    for row in [*headers, *lines]:
        assert first[row["record_uuid"]] <= row["created_at"] <= NOW
    assert {row["line_uuid"] for row in lines} <= {row["line_uuid"] for row in inserts(sample.lines)}


# ---- the seed -----------------------------------------------------------------------------------------


def all_uuids(sample: SampleOrders) -> list[str]:
    return [
        *(row["delta_uuid"] for row in sample.headers),
        *(row["delta_uuid"] for row in sample.lines),
        *(row["line_uuid"] for row in sample.order_lines),
        *(row["record_uuid"] for row in sample.orders),
    ]


def test_the_same_seed_gives_the_same_rows(size: Size, sample: SampleOrders) -> None:
    assert make_orders(size, seed=7, created_at=NOW) == sample


def test_the_uuids_depend_on_the_seed_alone(sample: SampleOrders, size: Size) -> None:
    other_day = make_orders(size, created_at=NOW + timedelta(days=40))
    assert set(all_uuids(other_day)) == set(all_uuids(sample))


def test_every_uuid_is_used_once() -> None:
    samples = [
        *(make_orders(size, seed=seed, created_at=NOW) for size in Size for seed in (7, 8)),
        *(arriving_orders(5, seed=seed, created_at=NOW) for seed in (7, 8)),
    ]
    found = [key for sample in samples for key in all_uuids(sample)]

    assert len(found) == len(set(found))
    for key in found[:100]:
        assert str(uuid.UUID(key)) == key
        assert uuid.UUID(key).version == 4


def test_by_default_the_orders_are_recent() -> None:
    sample = make_orders(Size.SMALL)
    newest = max(row["created_at"] for row in sample.headers)
    now = datetime.now(UTC).replace(tzinfo=None)
    assert now - timedelta(days=1) < newest <= now
    assert newest.microsecond == 0


# ---- headers ------------------------------------------------------------------------------------------


def test_exactly_the_expected_headers_are_rejected(sample: SampleOrders) -> None:
    found = {row["delta_uuid"]: rejection(row) for row in joined(sample)}
    rejected = {key: reason for key, reason in found.items() if reason}
    lines = {row["delta_uuid"] for row in sample.lines}

    assert rejected.keys() == sample.expected_rejections.keys() - lines
    reasons = Counter(sample.expected_rejections[key] for key in rejected)
    assert len(reasons) == 3
    assert len(set(reasons.values())) == 1
    for key, reason in rejected.items():
        expected = sample.expected_rejections[key]
        assert ("over 255" in expected) == (f"takes {NAME_LIMIT}" in reason)
        assert ("no style" in expected) == ("no style" in reason)
        assert ("label" in expected) == (reason == "no such label")


def test_exactly_the_expected_lines_are_rejected(sample: SampleOrders) -> None:
    headers = {row["delta_uuid"] for row in sample.headers}
    rejected = set()
    for row in inserts(sample.lines):
        try:
            subitem_name(row["size_code"])
        except Rejected:
            rejected.add(row["delta_uuid"])
    assert rejected == sample.expected_rejections.keys() - headers


def test_each_rejection_has_a_record_of_its_own(size: Size, sample: SampleOrders) -> None:
    rows = [*inserts(sample.headers), *inserts(sample.lines)]
    bad = [row for row in rows if row["delta_uuid"] in sample.expected_rejections]
    records = [row["record_uuid"] for row in bad]
    headers = Counter(row["record_uuid"] for row in sample.headers)
    lines = Counter(row["record_uuid"] for row in sample.lines)
    customers = {row["CUSTOMER NAME"] for row in sample.orders if row["record_uuid"] in records}

    assert len(set(records)) == len(records)
    assert {headers[record] for record in records} == {1}
    assert all(lines[row["record_uuid"]] >= 4 for row in bad if "size_code" in row)
    assert len(customers) == (len(records) if size is Size.BUSY else 1)


def test_titles_come_from_every_place_they_can_come_from(sample: SampleOrders) -> None:
    places: Counter[str] = Counter()
    for row in joined(sample):
        seasons = (row["CUSTOMER SEASON"], row["AAG SEASON"])
        if not is_blank(row["GroupMonday"]):
            assert group_title(row) == row["GroupMonday"]
            places["GroupMonday"] += 1
        elif not is_blank(seasons[0]):
            assert group_title(row) == f"{row['CUSTOMER NAME']} {seasons[0]}"
            places["CUSTOMER SEASON"] += 1
        elif not is_blank(seasons[1]):
            assert group_title(row) == f"{row['CUSTOMER NAME']} {seasons[1]}"
            places["AAG SEASON"] += 1
        else:
            assert group_title(row) == row["CUSTOMER NAME"]
            places["customer"] += 1

    assert places.keys() == {"GroupMonday", "CUSTOMER SEASON", "AAG SEASON", "customer"}
    assert min(places.values()) > 1
    assert places["GroupMonday"] > places.total() / 2
    assert {row["GroupMonday"] for row in sample.headers if is_blank(row["GroupMonday"])} >= {None, "", "   "}


def test_some_records_are_shared_by_two_or_three_headers(size: Size, sample: SampleOrders) -> None:
    shared: dict[str, list[Row]] = defaultdict(list)
    for row in inserts(sample.headers):
        shared[row["record_uuid"]].append(row)

    assert Counter(len(rows) for rows in shared.values()).keys() == {1, 2, 3}
    assert len(sample.orders) == len(shared) == {Size.SMALL: 65, Size.BUSY: 6_913}[size]
    for rows in shared.values():
        assert len({(row["CUSTOMER NAME"], row["created_at"]) for row in rows}) == 1


def test_order_list_holds_the_first_headers_values(sample: SampleOrders) -> None:
    first = {row["record_uuid"]: row for row in reversed(inserts(sample.headers))}
    for order in sample.orders:
        header = first[order["record_uuid"]]
        for name in order.keys() - {"record_uuid", "sync_state", *NAMING_COLUMNS}:
            assert order[name] == header[name]


def test_numbers_and_names_are_as_untidy_as_real_ones(size: Size, sample: SampleOrders) -> None:
    orders = [row for row in joined(sample) if row["delta_uuid"] not in sample.expected_rejections]
    numbers = Counter(row["AAG ORDER NUMBER"] for row in sample.orders)
    aliased = [row for row in orders if row["ALIAS/RELATED ITEM"]]
    no_po = [row for row in orders if is_blank(row["PO NUMBER"])]

    assert max(count for number, count in numbers.items() if not is_blank(number)) > 1
    assert 0 < len(aliased) < len(orders) / 10
    assert all(item_name(row).startswith(row["ALIAS/RELATED ITEM"]) for row in aliased)
    assert no_po
    assert all(item_name(row).endswith(row["CUSTOMER ALT PO"]) for row in no_po)
    assert any(is_blank(row["CUSTOMER COLOUR DESCRIPTION"]) for row in orders)

    names = "".join(item_name(row) for row in orders)
    assert {'"', "{", "}", "\\", "'"} <= set(names)
    assert len(re.findall(r"[\U0001F000-\U0001FFFF]", names)) == 1
    assert any("\n" in row["STYLE DESCRIPTION"] for row in orders)
    if size is Size.BUSY:
        customers = "".join({row["CUSTOMER NAME"] for row in orders})
        assert set("'&é七ЁΡ바خ") <= set(customers)


# ---- lines --------------------------------------------------------------------------------------------


def test_line_quantities_add_up_to_the_headers_total(sample: SampleOrders) -> None:
    totals: Counter[str] = Counter()
    for row in inserts(sample.lines):
        assert row["qty"] > 0
        totals[row["record_uuid"]] += row["qty"]

    without = [row for row in inserts(sample.headers) if row["record_uuid"] not in totals]
    assert len(without) >= 2
    for row in inserts(sample.headers):
        assert row["TOTAL QTY"] == totals.get(row["record_uuid"])
        assert totals[row["record_uuid"]] <= SMALLINT


def test_a_size_occurs_once_in_a_record(sample: SampleOrders) -> None:
    sizes = [(row["record_uuid"], row["size_code"]) for row in sample.order_lines]
    assert len(set(sizes)) == len(sizes)
    assert {"XS", "O/S"} <= {size for _, size in sizes}


def test_queue_and_main_table_have_the_same_lines(sample: SampleOrders) -> None:
    def key(row: Row) -> tuple[object, ...]:
        return row["line_uuid"], row["record_uuid"], row["size_code"], row["qty"]

    assert {key(row) for row in sample.lines} == {key(row) for row in sample.order_lines}
    assert {row["record_uuid"] for row in sample.lines} <= {row["record_uuid"] for row in sample.orders}


# ---- both ---------------------------------------------------------------------------------------------


def test_all_rows_wait(sample: SampleOrders) -> None:
    assert {row["sync_state"] for row in sample.headers} == {"NEW"}
    assert {(row["sync_state"], row["sync_run_id"]) for row in sample.lines} == {("PENDING", None)}
    assert {row["sync_state"] for row in [*sample.orders, *sample.order_lines]} == {None}


def test_queue_rows_are_oldest_first_and_from_the_last_days(sample: SampleOrders) -> None:
    for rows in (sample.headers, sample.lines):
        times = [row["created_at"] for row in rows]
        assert times == sorted(times)
        assert NOW - timedelta(days=4) < times[0] < times[-1] <= NOW


def test_the_hash_follows_the_values(sample: SampleOrders) -> None:
    for row in [*sample.headers, *sample.lines]:
        assert re.fullmatch(r"[0-9a-f]{64}", row["row_hash"])
    hashes = {row["delta_uuid"]: row["row_hash"] for row in sample.headers}
    again = make_orders(Size.SMALL, seed=123, created_at=NOW)
    assert not set(hashes.values()) & {row["row_hash"] for row in again.headers}


def test_every_value_fits_its_column(sample: SampleOrders) -> None:
    tables = make_tables()
    for table, rows in (
        (tables.header_queue, sample.headers),
        (tables.line_queue, sample.lines),
        (tables.orders, sample.orders),
        (tables.order_lines, sample.order_lines),
    ):
        names = set(rows[0])
        assert names <= {column.name for column in table.columns}
        limits = {name: getattr(table.c[name].type, "length", None) for name in names}
        for row in rows:
            assert row.keys() == names
            for name, limit in limits.items():
                # nvarchar counts UTF-16 units
                assert not limit or len(str(row[name] or "").encode("utf-16-le")) <= 2 * limit


# ---- the database -------------------------------------------------------------------------------------


def test_insert_fills_a_database_that_the_queue_can_read(tmp_path: Path, size: Size, sample: SampleOrders) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    tables = make_tables(mapped_columns=load_mapping().item_sources)
    create_all(database, tables)
    insert_orders(database, tables, sample)
    insert_orders(database, tables, arriving_orders(3, seed=1, created_at=NOW))

    arrived = len(arriving_orders(3, seed=1, created_at=NOW).lines)
    reader = QueueReader(database, tables, lease_seconds=600)
    assert missing(database, tables) == []
    assert len(reader.claimable_headers()) == len(sample.headers) + 3
    assert len(reader.claimable_lines()) == len(sample.lines) + arrived
    with database.read() as connection:
        for table, rows in (
            (tables.orders, len(sample.orders) + 3),
            (tables.order_lines, len(sample.order_lines) + arrived),
        ):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == rows
        texts = connection.execute(sa.select(tables.header_queue.c["STYLE DESCRIPTION"])).scalars()
        assert {row["STYLE DESCRIPTION"] for row in sample.headers} <= set(texts)
    database.dispose()


def test_insert_is_all_or_nothing(tmp_path: Path) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path / 'orders.db'}")
    tables = make_tables()
    create_all(database, tables)
    sample = make_orders(Size.SMALL, created_at=NOW)
    sample.lines.append(sample.lines[0])  # the last table's last row: a key that is there already
    with pytest.raises(sa.exc.IntegrityError):
        insert_orders(database, tables, sample)
    with database.read() as connection:
        for table in tables.site:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
    database.dispose()


# ---- arrivals -----------------------------------------------------------------------------------------


def test_arriving_orders_are_good_and_have_just_arrived() -> None:
    sample = arriving_orders(4, seed=5, created_at=NOW)
    assert len(sample.headers) == len(sample.orders) == 4
    assert {row["created_at"] for row in [*sample.headers, *sample.lines]} == {NOW}
    assert {row["record_uuid"] for row in sample.lines} == {row["record_uuid"] for row in sample.headers}
    assert [rejection(row) for row in joined(sample)] == [None] * 4
    assert not sample.expected_rejections
    assert arriving_orders(4, seed=5, created_at=NOW) == sample
