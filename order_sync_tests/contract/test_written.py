"""ORDER_SYNC_ITEMS and ORDER_SYNC_SUBITEMS: what is on the boards, written with the ids and as it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from order_sync.database.connection import Row
from order_sync.database.entries import Entry, Operation
from order_sync.database.housekeeping import expired, remove_expired
from order_sync.database.journal import Journal
from order_sync.database.requeue import requeue
from order_sync.demo.samples import SampleOrders
from order_sync.orders.errors import LeaseLost, Rejected
from order_sync.orders.states import State
from order_sync.reports.links import read_links
from order_sync.reports.trace import trace
from order_sync_tests.contract.site import BOARD, Site, make_order, new_uuid, record, uuids
from order_sync_tests.contract.test_rollbacks import rolling_back

NAME = "TS-1 Ünit 🌅 'x' [y] {z}"


def sent(keys: list[str], *, key: str = "key-1", operation: Operation = Operation.ITEMS, name: str = NAME) -> Entry:
    place = {"parent": "11"} if operation is Operation.SUBITEMS else {"group": "topics"}
    rows = [{"name": name, "values": written(number), **place} for number in range(len(keys))]
    variables = {f"{column}{number}": value for number, row in enumerate(rows) for column, value in row.items()}
    body = json.dumps({"query": "...", "variables": {"board": "1", "labels": True} | variables}, ensure_ascii=False)
    return Entry(idempotency_key=key, operation=operation, keys=tuple(keys), body=body)


def written(number: int) -> str:
    return json.dumps({"text0": f"Navy {number} '七'"}, ensure_ascii=False)


def create(journal: Journal, entry: Entry, ids: Mapping[str, str]) -> None:
    journal.open(entry)
    journal.close(entry, created=ids)


@pytest.fixture
def order(site: Site) -> SampleOrders:
    """An order that run-1 has claimed."""
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    return order


@pytest.fixture
def journal(site: Site) -> Journal:
    journal = site.journal()
    assert journal._try_board() is None
    return journal


def items(site: Site) -> list[Row]:
    return site.rows(site.tables.items)


def subitems(site: Site) -> dict[str, Row]:
    return {row["line_uuid"]: row for row in site.rows(site.tables.subitems)}


# ---- what is created ------------------------------------------------------------------------------------


def test_an_item_is_on_record_as_it_was_sent(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header] = uuids([order], "headers")
    create(journal, sent([header]), {header: "12345678901"})
    [item] = items(site)
    assert timedelta(0) <= site.now() - item.pop("written_at") < timedelta(minutes=1)
    assert item == {
        "record_uuid": record(order),
        "board_id": BOARD,
        "item_id": 12345678901,
        "group_id": "topics",
        "name": NAME,
        "written": written(0),
        "run_id": "run-1",
    }


def test_subitems_are_on_record_with_their_order_and_item(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = uuids([order], "lines")
    create(journal, sent([first, second], operation=Operation.SUBITEMS), {first: "71", second: "72"})
    for number, line in enumerate(order.lines):
        row = subitems(site)[line["line_uuid"]]
        assert (row["record_uuid"], row["board_id"], row["subitem_id"]) == (record(order), BOARD, 71 + number)
        assert (row["parent_item_id"], row["name"], row["written"]) == (11, NAME, written(number))


def test_only_what_was_created_is_on_record(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = uuids([order], "lines")
    request = sent([first, second], operation=Operation.SUBITEMS)
    journal.open(request)
    journal.close(request, created={second: "72"}, failed={first: Rejected("no")})
    [row] = subitems(site).values()
    assert (row["line_uuid"], row["written"]) == (order.lines[1]["line_uuid"], written(1))


def test_an_imported_item_is_on_record_with_its_values(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header] = uuids([order], "headers")
    request = json.dumps({"query": "...", "variables": {"board": "1", "group": "topics"}})
    body = {"request": request, "csv": '"name","text0"\r\n"One, \n""two""","Navy"\r\n', "values": [written(0)]}
    for number, content in enumerate((body, {name: body[name] for name in ("request", "csv")})):
        entry = replace(sent([header], key=f"key-{number}", operation=Operation.IMPORT), body=json.dumps(content))
        create(journal, entry, {header: "11"})
        [item] = items(site)
        assert (item["name"], item["group_id"]) == ('One, \n"two"', "topics")
        assert item["written"] == (None if number else written(0))  # an import that the first version began


def test_a_thousand_lines_and_more_are_on_record(site: Site, journal: Journal) -> None:
    order = make_order(lines=1_100)
    site.add(order)
    site.claim("run-1", order)
    lines = uuids([order], "lines")
    for name in ("first", "again"):
        site.change(site.tables.line_queue, {"monday_subitem_id": None})
        ids = {line: str(number + 1) for number, line in enumerate(lines)}
        create(journal, sent(lines, key=name, operation=Operation.SUBITEMS, name=name), ids)
        assert {row["name"] for row in subitems(site).values()} == {name}
        assert len(subitems(site)) == 1_100


# ---- one row for each order -----------------------------------------------------------------------------


def test_the_last_written_version_is_the_one_record(site: Site, journal: Journal) -> None:
    order = make_order(headers=3)
    site.add(order)
    site.claim("run-1", order)
    first, second, third = uuids([order], "headers")
    create(journal, sent([first, second]), {first: "11", second: "12"})
    [item] = items(site)
    assert (item["item_id"], item["written"]) == (12, written(1))
    create(journal, sent([third], key="key-2", name="newest"), {third: "12"})
    [item] = items(site)
    assert (item["item_id"], item["name"]) == (12, "newest")


def test_a_version_that_shares_the_item_leaves_what_was_written(site: Site, journal: Journal) -> None:
    order = make_order(headers=2)
    site.add(order)
    site.claim("run-1", order)
    older, newest = uuids([order], "headers")
    create(journal, sent([newest]), {newest: "11"})
    before = items(site)
    journal.adopt(Operation.ITEMS, {older: "11"})
    assert items(site) == before


def test_what_is_adopted_was_never_written(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header], lines = uuids([order], "headers"), order.lines
    journal.adopt(Operation.ITEMS, {header: "11"})
    for number, line in enumerate(lines):
        site.change(site.tables.line_queue, {"parent_item_id": 11}, delta_uuid=line["delta_uuid"])
        journal.adopt(Operation.SUBITEMS, {line["delta_uuid"]: str(71 + number)})
    [item] = items(site)
    assert (item["item_id"], item["board_id"], item["run_id"]) == (11, BOARD, "run-1")
    assert (item["written"], item["name"], item["group_id"]) == (None, None, None)
    found = {row["subitem_id"]: (row["parent_item_id"], row["written"]) for row in subitems(site).values()}
    assert found == {71: (11, None), 72: (11, None)}


def test_another_item_that_is_adopted_has_no_values(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header] = uuids([order], "headers")
    create(journal, sent([header]), {header: "11"})
    site.change(site.tables.header_queue, {"monday_item_id": None})
    journal.adopt(Operation.ITEMS, {header: "12"})
    [item] = items(site)
    assert (item["item_id"], item["written"]) == (12, None)


def test_a_row_without_uuid_is_not_recorded(site: Site, journal: Journal, order: SampleOrders) -> None:
    create(journal, sent([new_uuid()]), {"nobody": "11"})
    assert items(site) == []


# ---- in the transaction of the ids ----------------------------------------------------------------------


def test_a_close_that_is_repeated_changes_nothing(site: Site, journal: Journal, order: SampleOrders) -> None:
    """As when the answer to the first COMMIT was lost."""
    [header] = uuids([order], "headers")
    create(journal, sent([header]), {header: "11"})
    before = items(site)
    journal.close(sent([header]), created={header: "11"})
    journal.adopt(Operation.ITEMS, {header: "11"})
    journal.adopt(Operation.ITEMS, {header: "11"})
    assert items(site) == before


def test_who_has_lost_the_board_puts_nothing_on_record(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header] = uuids([order], "headers")
    journal.open(sent([header]))
    site.change(site.tables.boards, {"leased_until": site.now() - timedelta(seconds=1)})
    assert site.journal("run-2")._try_board() is None
    with pytest.raises(LeaseLost):
        journal.close(sent([header]), created={header: "11"})
    assert items(site) == []


# ---- what is no longer on the board ---------------------------------------------------------------------


@pytest.fixture
def there(site: Site, journal: Journal, order: SampleOrders) -> SampleOrders:
    """The order with item 11 and subitems 71 and 72, beside another one with item 12 and subitem 73."""
    other = make_order(lines=1)
    site.add(other)
    site.claim("run-1", other)
    for number, each in enumerate((order, other)):
        [header], lines = uuids([each], "headers"), uuids([each], "lines")
        create(journal, sent([header], key=f"items-{number}"), {header: str(11 + number)})
        site.change(site.tables.line_queue, {"parent_item_id": 11 + number}, record_uuid=record(each))
        journal.adopt(Operation.SUBITEMS, {line: str(71 + 2 * number + n) for n, line in enumerate(lines)})
    return order


def ids(site: Site) -> tuple[list[int], list[int]]:
    on_record = (site.rows(site.tables.items), site.rows(site.tables.subitems))
    return sorted(row["item_id"] for row in on_record[0]), sorted(row["subitem_id"] for row in on_record[1])


GONE: dict[str, tuple[Callable[[Site, Journal, SampleOrders], object], tuple[list[int], list[int]]]] = {
    "items": (lambda site, journal, order: journal.forget_items([11, 99]), ([12], [73])),
    "subitems": (
        lambda site, journal, order: journal.forget_subitems({uuids([order], "lines")[0]: "71"}),
        ([11, 12], [72, 73]),
    ),
    "requeued": (
        lambda site, journal, order: requeue(site.database, site.tables, {record(order): [11]}),
        ([12], [73]),
    ),
}


@pytest.mark.parametrize("what", GONE)
def test_what_was_deleted_on_the_board_is_forgotten(
    site: Site, journal: Journal, there: SampleOrders, what: str
) -> None:
    forget, left = GONE[what]
    assert ids(site) == ([11, 12], [71, 72, 73])
    if what == "requeued":
        for table in (site.tables.header_queue, site.tables.line_queue):
            site.change(table, {"sync_state": State.SYNCED, "sync_run_id": None})
    forget(site, journal, there)
    assert ids(site) == left


# ---- which board an item is on --------------------------------------------------------------------------


def test_the_board_of_an_item_outlives_the_log(site: Site, journal: Journal, there: SampleOrders) -> None:
    site.insert(site.tables.boards, {"board_id": BOARD + 1, "name": "Another", "url": "https://another"})
    site.change(site.tables.boards, {"url": "https://b"}, board_id=BOARD)
    remove_expired(site.database, expired(site.database, site.tables, timedelta(days=-1)))
    assert site.rows(site.tables.log) == []
    assert site.queue().item_boards([record(there)]) == {11: BOARD}
    [story] = trace(site.database, site.tables, read_links(site.database, site.tables, None), record(there))
    assert (story["board_id"], story["headers"][0]["item_url"]) == (BOARD, "https://b/pulses/11")


def test_an_item_of_version_one_is_found_in_the_log(site: Site, journal: Journal, there: SampleOrders) -> None:
    with site.database.write() as connection:
        connection.execute(site.tables.items.delete())
    assert site.queue().item_boards([record(there)]) == {11: BOARD}


def test_what_a_server_undid_is_on_record_all_the_same(
    site: Site, journal: Journal, order: SampleOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's entry is closed first: if it is, everything after it is there as well."""
    monkeypatch.setattr("order_sync.database.connection.sleep", lambda seconds: None)
    [header] = uuids([order], "headers")
    request = sent([header])
    journal.open(request)
    for write in (2, 3, 4):
        with rolling_back(site, times=1, write=write):
            journal.close(request, created={header: "11"})
        assert [row["item_id"] for row in items(site)] == [11], write
        site.change(site.tables.journal, {"state": "OPEN"})
        site.change(site.tables.header_queue, {"monday_item_id": None})
        with site.database.write() as connection:
            connection.execute(site.tables.items.delete())
