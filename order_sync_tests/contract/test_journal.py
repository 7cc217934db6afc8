"""The journal and the board's lease: what is on record before a request leaves, and who may write it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database import board_lease, uptime
from order_sync.database import connection as connection_module
from order_sync.database.board_lease import BoardLease
from order_sync.database.connection import Database, Row
from order_sync.database.entries import Entry, Operation, known_groups, unsettled
from order_sync.database.housekeeping import expired, remove_expired
from order_sync.database.journal import Journal
from order_sync.demo.samples import SampleOrders
from order_sync.orders.codes import Rule
from order_sync.orders.errors import LeaseLost, Rejected, Transient, WriteLost
from order_sync.orders.monday_faults import MondayFault
from order_sync.orders.states import State
from order_sync_tests.contract.site import BOARD, Site, make_order, new_uuid, record, set_clock, uuids

BODY = json.dumps({"query": "mutation { }", "variables": {"name0": 'O\'Hara "[Ü] {🌅}"\n'}}, ensure_ascii=False)


def entry(*keys: str, key: str = "key-1", operation: Operation = Operation.ITEMS) -> Entry:
    return Entry(idempotency_key=key, operation=operation, keys=keys, body=BODY)


@pytest.fixture
def journal(site: Site) -> Journal:
    """The journal of run-1, which holds the board."""
    journal = site.journal()
    assert journal._try_board() is None
    return journal


@pytest.fixture
def order(site: Site) -> SampleOrders:
    """An order that run-1 has claimed."""
    order = make_order(headers=2)
    site.add(order)
    site.claim("run-1", order)
    return order


def expire_board(site: Site) -> None:
    assert site.change(site.tables.boards, {"leased_until": site.now() - timedelta(seconds=1)}, board_id=BOARD) == 1


# ---- the board's lease ----------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of `holding_board`, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(board_lease, "sleep", pauses.append)
    return pauses


def test_one_holder_at_a_time(site: Site, waits: list[float]) -> None:
    first, second = site.journal("run-1"), site.journal("run-2")
    reported: list[str] = []

    def on_wait(holder: str) -> None:
        reported.append(holder)
        if len(reported) == 3:
            first.release()

    with first.holding_board():
        with second.holding_board(on_wait):
            second.renew()
            with pytest.raises(LeaseLost):
                first.renew()
        assert reported == ["run-1"] * 3
    assert waits == [1.0] * 3
    assert site.row(site.tables.boards)["run_id"] is None


def test_an_expired_board_changes_hands_and_stops_the_former_holder(site: Site, journal: Journal) -> None:
    second = site.journal("run-2")
    assert second._try_board() == "run-1"
    expire_board(site)
    with second.holding_board():
        with pytest.raises(LeaseLost, match=f"Run run-1 has lost the lease on board {BOARD} to another run"):
            journal.renew()
        second.renew()


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(minutes=2)])
def test_a_clock_set_back_costs_one_lease_of_the_board(
    site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    """Its holder has died; by the database's clock the lease goes on for an hour."""
    slept: list[float] = []
    monkeypatch.setattr(board_lease, "sleep", slept.append)
    monkeypatch.setattr(board_lease, "monotonic", lambda: sum(slept))
    set_clock(monkeypatch, -back)

    def on_wait(holder: str) -> None:
        assert len(slept) < 200, f"still waiting for {holder}"

    with site.journal("run-2").holding_board(on_wait):
        pass
    assert sum(slept) == 180


def test_a_renewed_lease_holds_at_any_clock(site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(board_lease, "sleep", slept.append)
    monkeypatch.setattr(board_lease, "monotonic", lambda: sum(slept))
    set_clock(monkeypatch, timedelta(hours=-1))

    def on_wait(holder: str) -> None:
        if len(slept) < 400 and len(slept) % 60 == 0:
            journal.renew()

    with site.journal("run-2").holding_board(on_wait):
        pass
    assert 500 < sum(slept) < 545, "a lease after it was renewed last"


def test_a_lease_from_before_a_clock_change_is_judged(
    site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.open(entry("a"))
    lease = timedelta(seconds=180)
    assert unsettled(site.database, site.tables, lease=lease).doubtful == set()
    set_clock(monkeypatch, timedelta(hours=-1))
    assert unsettled(site.database, site.tables, lease=lease).doubtful == {BOARD}


def test_the_board_of_a_finished_run_is_free_at_once(site: Site, journal: Journal) -> None:
    asked: list[str] = []

    def is_over(run_id: str) -> bool:
        asked.append(run_id)
        return True

    assert site.journal("run-2", is_over=is_over)._try_board() is None
    assert asked == ["run-1"]


def test_the_holder_may_come_again(site: Site, journal: Journal) -> None:
    assert site.journal("run-1")._try_board() is None
    assert site.journal("run-1")._try_board() is None


def test_the_holder_that_comes_again_has_a_new_lease(site: Site, journal: Journal) -> None:
    site.change(site.tables.boards, {"leased_until": site.now() + timedelta(seconds=10)})
    assert journal._try_board() is None
    left = site.row(site.tables.boards)["leased_until"] - site.now()
    assert timedelta(seconds=120) < left <= timedelta(seconds=180)


def test_boards_are_held_one_by_one(site: Site, journal: Journal) -> None:
    assert site.journal("run-2", board_id=BOARD + 1)._try_board() is None
    journal.renew()


def test_a_change_of_one_lease_spares_the_others(site: Site, journal: Journal) -> None:
    assert site.journal("run-1", board_id=BOARD + 1)._try_board() is None
    soon = site.now().replace(microsecond=0) + timedelta(seconds=10)
    site.change(site.tables.boards, {"leased_until": soon}, board_id=BOARD + 1)
    journal.renew()
    journal.release()
    released, held = site.rows(site.tables.boards)
    assert (released["run_id"], released["leased_until"]) == (None, None)
    assert (held["run_id"], held["leased_until"]) == ("run-1", soon)
    assert site.journal("run-1", board_id=BOARD + 2)._try_board() is None
    assert [row["run_id"] for row in site.rows(site.tables.boards)] == [None, "run-1", "run-1"]


def test_of_two_runs_only_one_takes_a_board_over(site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    boards, right, calls = site.tables.boards, BoardLease._take, list[str]()

    def take(
        self: BoardLease, connection: sa.Connection, free: sa.ColumnElement[bool], taken: Mapping[str, str]
    ) -> Any:
        calls.append(self.run_id)
        if len(calls) == 2:
            connection.execute(sa.update(boards).values(run_id="run-3"))
        return right(self, connection, free, taken)

    monkeypatch.setattr(BoardLease, "_take", take)
    assert site.journal("run-2", is_over=lambda run_id: True)._try_board() == "run-3"
    assert calls == ["run-2", "run-2"]
    assert site.row(boards)["run_id"] == "run-3"


def test_each_holder_has_the_whole_time_of_a_lease(
    site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one whose lease ends at the same moment as that of the holder before it."""
    second, clock = site.journal("run-2", lease_seconds=180), [50.0]
    monkeypatch.setattr(board_lease, "monotonic", lambda: clock[0])
    assert second._try_board() == "run-1"
    site.change(site.tables.boards, {"run_id": "run-3"})
    clock[0] += 181
    assert second._try_board() == "run-3"


def test_the_board_is_let_go_after_an_error_too(site: Site) -> None:
    with pytest.raises(ZeroDivisionError), site.journal("run-1").holding_board():
        raise ZeroDivisionError
    assert site.journal("run-2")._try_board() is None


def test_letting_go_never_lets_go_of_what_another_run_holds(site: Site) -> None:
    first, second = site.journal("run-1"), site.journal("run-2")
    with first.holding_board():
        expire_board(site)
        assert second._try_board() is None
    second.renew()


def test_renewing_moves_the_end_of_the_lease(site: Site, journal: Journal) -> None:
    expire_board(site)
    journal.renew()
    left = site.row(site.tables.boards)["leased_until"] - site.now()
    assert timedelta(seconds=120) < left <= timedelta(seconds=180)
    assert site.journal("run-2")._try_board() == "run-1"


def test_two_runs_that_add_the_boards_row_take_turns(
    site: Site, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    second, holders = site.journal("run-2"), list[str]()
    right = BoardLease._tried

    def tried(self: BoardLease, connection: sa.Connection, reported: Mapping[str, str]) -> str | None:
        if self is second and not holders:
            raise IntegrityError("INSERT", None, Exception("the row is there"))
        return right(self, connection, reported)

    monkeypatch.setattr(BoardLease, "_tried", tried)
    second.take(holders.append)
    assert (holders, waits) == (["another run"], [1.0])
    assert site.row(site.tables.boards)["run_id"] == "run-2"


def test_a_look_sees_the_board_as_the_runs(site: Site, waits: list[float]) -> None:
    """And only once: what an earlier holder did until then is committed."""
    first, second = site.journal("run-1"), site.journal("run-2")
    seen: list[str] = []

    def look() -> None:
        seen.extend(site.database.column(sa.select(site.tables.boards.c.run_id)))

    with first.holding_board():
        second.take(lambda holder: first.release(), look=look, name="Orders", url="https://example.com/7")
    assert seen == ["run-2"]
    row = site.row(site.tables.boards)
    assert (row["name"], row["url"]) == ("Orders", "https://example.com/7")
    second.take()
    row = site.row(site.tables.boards)
    assert (row["name"], row["url"]) == ("Orders", "https://example.com/7")  # nobody has said otherwise


def test_a_lease_must_outlast_the_moment_of_its_renewal(site: Site, journal: Journal) -> None:
    now = site.now()
    journal._expect_lease(("run-1", now + timedelta(seconds=1)), now)
    with pytest.raises(WriteLost, match=f"the lease on board {BOARD} was not renewed"):
        journal._expect_lease(("run-1", now), now)
    for kept in (None, ("run-2", now + timedelta(seconds=1))):
        with pytest.raises(LeaseLost, match=f"Run run-1 has lost the lease on board {BOARD}"):
            journal._expect_lease(kept, now)


@pytest.mark.parametrize(
    ("lease", "passed", "is_late"), [(180, 164, False), (180, 166, True), (40, 31, True), (8, 5, False), (8, 7, True)]
)
def test_a_request_leaves_only_while_its_lease_is_good(
    site: Site, monkeypatch: pytest.MonkeyPatch, lease: float, passed: float, is_late: bool
) -> None:
    journal, clock = site.journal(lease_seconds=lease), [1_000.0]
    monkeypatch.setattr(uptime, "now", lambda: clock[0])
    assert journal._try_board() is None
    with pytest.raises(LeaseLost):
        journal.expect_time_left()  # nothing has been renewed
    journal.renew()
    clock[0] += passed
    if not is_late:
        journal.expect_time_left()
        return
    with pytest.raises(
        LeaseLost, match=f"to board {BOARD} {passed} s after it had renewed its lease, which lasts {lease} s"
    ):
        journal.expect_time_left()


def test_another_runs_lease_runs_out_by_our_own_clock_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock may have been set back: then it seems to last for hours."""
    first, second = site.journal("run-1", lease_seconds=180), site.journal("run-2", lease_seconds=180)
    clock = [50.0]
    monkeypatch.setattr(board_lease, "monotonic", lambda: clock[0])
    assert first._try_board() is None
    assert second._try_board() == "run-1"
    clock[0] += 179
    assert second._try_board() == "run-1"
    first.renew()  # alive after all
    clock[0] += 2
    assert second._try_board() == "run-1"
    clock[0] += 180
    assert second._try_board() is None


# ---- entries --------------------------------------------------------------------------------------------


def test_an_open_entry_is_in_doubt_with_its_exact_body(site: Site, journal: Journal) -> None:
    journal.open(entry("k0", "k1"))
    [found] = site.journal("run-2").in_doubt()
    assert (found.idempotency_key, found.operation, found.keys) == ("key-1", Operation.ITEMS, ("k0", "k1"))
    assert found.body == BODY
    assert found.age is not None
    assert timedelta(0) <= found.age < timedelta(seconds=60)
    assert site.row(site.tables.journal)["state"] == "OPEN"


def test_a_board_is_in_doubt_once_its_requester_is_dead(site: Site, journal: Journal) -> None:
    journal.open(entry("k0"))
    journal.open(entry("k1", key="key-2"))
    elsewhere = site.journal("run-2", board_id=BOARD + 1)
    assert elsewhere._try_board() is None
    elsewhere.open(entry("k2", key="key-3"))
    assert unsettled(site.database, site.tables).doubtful == set()
    assert unsettled(site.database, site.tables, lambda run_id: run_id == "run-1").doubtful == {BOARD}
    journal.release()
    assert unsettled(site.database, site.tables).doubtful == {BOARD}
    assert site.journal("run-3")._try_board() is None  # which looks at what run-1 left before all else
    assert unsettled(site.database, site.tables).doubtful == {BOARD}
    site.change(site.tables.boards, {"leased_until": site.now() - timedelta(seconds=1)}, board_id=BOARD + 1)
    assert unsettled(site.database, site.tables).doubtful == {BOARD, BOARD + 1}


def test_entries_come_oldest_first(site: Site, journal: Journal) -> None:
    journal.open(entry("k0", key="young"))
    journal.open(entry("k1", key="old"))
    journal.open(entry("Group's [1]", key="group", operation=Operation.GROUPS))
    site.age_entry("old", opened=timedelta(minutes=9))
    site.age_entry("group", opened=timedelta(minutes=5))
    assert [e.idempotency_key for e in journal.in_doubt()] == ["old", "group", "young"]
    group = journal.in_doubt()[1]
    assert group.keys == ("Group's [1]",)
    assert group.age is not None
    assert timedelta(minutes=5) <= group.age < timedelta(minutes=6)
    assert site.journal(board_id=BOARD + 1).in_doubt() == []


def test_sending_again_counts_from_now_but_the_key_grows_older(site: Site, journal: Journal) -> None:
    journal.open(entry("k0"))
    site.age_entry("key-1", opened=timedelta(minutes=20))
    [found] = journal.in_doubt()
    journal.sending_again(found)
    [found] = journal.in_doubt()
    assert found.age is not None
    assert found.age >= timedelta(minutes=20)
    assert site.now() - site.row(site.tables.journal)["sent_at"] < timedelta(minutes=1)
    site.age_entry("key-1", opened=timedelta(hours=-1))  # the clock was set back since
    assert [found.age for found in journal.in_doubt()] == [timedelta(0)]


def test_closing_writes_ids_and_rejections_together(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = uuids([order], "headers")
    sent = entry(first, second)
    journal.open(sent)
    journal.close(sent, created={first: "12345678901"}, failed={second: Rejected("Étiquette 'x' [no]")})
    assert journal.in_doubt() == []
    closed = site.row(site.tables.journal)
    assert (closed["state"], closed["body"], closed["run_id"]) == ("CLOSED", None, "run-1")
    assert closed["closed_at"] >= closed["opened_at"]
    rows = {row["delta_uuid"]: row for row in site.rows(site.tables.header_queue)}
    assert (rows[first]["monday_item_id"], rows[first]["sync_state"]) == (12_345_678_901, State.PENDING)
    assert rows[second]["monday_item_id"] is None
    assert (rows[second]["sync_state"], rows[second]["retry_count"]) == (State.ERROR, 1)
    assert rows[second]["sync_error_message"] == "OS-459: Étiquette 'x' [no]"


def test_what_is_created_gets_its_place_with_its_id(site: Site, journal: Journal, order: SampleOrders) -> None:
    [header, *_], [line, *_] = uuids([order], "headers"), uuids([order], "lines")
    for operation, key, says in (
        (Operation.ITEMS, header, {"group0": "g_ü"}),
        (Operation.SUBITEMS, line, {"parent0": "7"}),
    ):
        body = json.dumps({"query": "...", "variables": {"name0": "N", "values0": "{}", **says}})
        sent = replace(entry(key, key=operation, operation=operation), body=body)
        journal.open(sent)
        journal.close(sent, created={key: "71"})
    of_header = site.row(site.tables.header_queue, delta_uuid=header)
    assert (of_header["monday_item_id"], of_header["monday_group_id"]) == (71, "g_ü")
    of_line = site.row(site.tables.line_queue, delta_uuid=line)
    assert (of_line["monday_subitem_id"], of_line["parent_item_id"]) == (71, 7)


@pytest.mark.parametrize("left", [0.9, 0.1, -0.5])
def test_closing_extends_a_lease_that_is_half_used(
    site: Site, journal: Journal, order: SampleOrders, left: float
) -> None:
    """Even one that has expired, as long as no other run has taken the board."""
    sent = entry(*uuids([order], "headers"))
    journal.open(sent)
    lease = timedelta(seconds=journal.lease_seconds)
    until = site.now() + lease * left
    site.change(site.tables.boards, {"leased_until": until})
    journal.close(sent)
    assert (site.row(site.tables.boards)["leased_until"] > until) == (left < 0.5)


def test_subitems_are_written_to_the_lines(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = uuids([order], "lines")
    sent = entry(first, second, operation=Operation.SUBITEMS)
    journal.open(sent)
    journal.close(sent, created={first: "71"}, failed={second: Rejected("no")})
    rows = {row["delta_uuid"]: row for row in site.rows(site.tables.line_queue)}
    assert (rows[first]["monday_subitem_id"], rows[second]["sync_state"]) == (71, State.ERROR)
    assert {row["monday_item_id"] for row in site.rows(site.tables.header_queue)} == {None}


def test_an_existing_id_is_never_overwritten(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, _ = uuids([order], "headers")
    journal.adopt(Operation.ITEMS, {first: "1"})
    journal.adopt(Operation.ITEMS, {first: "2"})
    assert site.row(site.tables.header_queue, delta_uuid=first)["monday_item_id"] == 1


def test_ids_are_facts_under_any_holder(site: Site, journal: Journal, order: SampleOrders) -> None:
    """The rows' lease has passed to another run; the board's has not."""
    site.age_claims("run-1", 5_000)
    site.claim("run-2", order)
    first, second = uuids([order], "headers")
    sent = entry(first, second)
    journal.open(sent)
    journal.close(sent, created={first: "1", second: "2"})
    assert {row["monday_item_id"] for row in site.queue().claimed_headers("run-2")} == {1, 2}


def test_a_rejection_spares_what_is_not_pending(site: Site, journal: Journal, order: SampleOrders) -> None:
    site.queue().release("run-1")
    journal.reject(Operation.ITEMS, dict.fromkeys(uuids([order], "headers"), Rejected("no")))
    journal.reject(Operation.ITEMS, {})
    assert {row["sync_state"] for row in site.rows(site.tables.header_queue)} == {State.NEW}


def test_rejecting_before_anything_is_sent(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, _ = uuids([order], "lines")
    journal.reject(Operation.SUBITEMS, {first: Rejected("the line has no size_code", code=Rule.NO_SIZE)})
    row = site.row(site.tables.line_queue, delta_uuid=first)
    assert (row["sync_state"], row["sync_error_message"]) == (State.ERROR, "OS-403: the line has no size_code")
    assert site.queue().claimable_headers(["run-1"]) == []


def test_groups_are_remembered_once(site: Site, journal: Journal) -> None:
    title = 'O\'Malley & Daughters "SS27" [Ü] 七'
    sent = entry(title, operation=Operation.GROUPS)
    journal.open(sent)
    journal.close(sent, created={title: "group_1"}, failed={"Other": Rejected("no")})
    journal.adopt(Operation.GROUPS, {title: "group_1", "Second": "group_2"})
    assert known_groups(site.database, site.tables, BOARD) == {"group_1": title, "group_2": "Second"}
    assert known_groups(site.database, site.tables, BOARD + 1) == {}


# ---- the lease is lost ----------------------------------------------------------------------------------


@pytest.fixture
def lost(site: Site, journal: Journal, order: SampleOrders) -> Journal:
    """The journal of run-1 with key-1 open, after run-2 has taken the board."""
    journal.open(entry(*uuids([order], "headers")))
    expire_board(site)
    assert site.journal("run-2")._try_board() is None
    return journal


def everything(site: Site) -> list[object]:
    return [site.rows(table) for table in (*site.tables.site, *site.tables.ours)]


@pytest.mark.parametrize("deed", ["open", "sending_again", "close", "adopt", "reject", "renew"])
def test_who_has_lost_the_board_writes_nothing(site: Site, lost: Journal, order: SampleOrders, deed: str) -> None:
    keys = uuids([order], "headers")
    deeds = {
        "open": lambda: lost.open(entry(*keys, key="key-2")),
        "sending_again": lambda: lost.sending_again(entry(*keys)),
        "close": lambda: lost.close(entry(*keys), created={keys[0]: "1"}, failed={keys[1]: Rejected("no")}),
        "adopt": lambda: lost.adopt(Operation.ITEMS, {keys[0]: "1"}),
        "reject": lambda: lost.reject(Operation.ITEMS, {keys[0]: Rejected("no")}),
        "renew": lost.renew,
    }
    before = everything(site)
    with pytest.raises(LeaseLost):
        deeds[deed]()
    assert everything(site) == before


def test_an_entry_that_another_run_resolved_is_not_closed_again(
    site: Site, journal: Journal, order: SampleOrders
) -> None:
    keys = uuids([order], "headers")
    journal.open(entry(*keys))
    expire_board(site)
    with site.journal("run-2").holding_board():
        site.journal("run-2").close(entry(*keys), created={keys[0]: "1"})
    assert journal._try_board() is None
    before = site.rows(site.tables.header_queue)
    with pytest.raises(LeaseLost, match="Another run resolved request key-1"):
        journal.close(entry(*keys), created={keys[1]: "2"})
    assert site.rows(site.tables.header_queue) == before


def test_closing_twice_is_once(site: Site, journal: Journal, order: SampleOrders) -> None:
    """As when the answer to the first COMMIT was lost."""
    keys = uuids([order], "headers")
    journal.open(entry(*keys))
    for _ in range(2):
        journal.close(entry(*keys), created={keys[0]: "1"}, failed={keys[1]: Rejected("no")})
    row = site.row(site.tables.header_queue, delta_uuid=keys[1])
    assert (row["sync_state"], row["retry_count"]) == (State.ERROR, 1)


def test_opening_twice_is_once(site: Site, journal: Journal) -> None:
    for _ in range(2):
        journal.open(entry("k0"))
    assert [e.idempotency_key for e in journal.in_doubt()] == ["key-1"]


def test_a_broken_write_leaves_the_entry_open(site: Site, journal: Journal, order: SampleOrders) -> None:
    """Ids and closing are one transaction: an id that is no number spoils both."""
    first, second = uuids([order], "headers")
    journal.open(entry(first, second))
    with pytest.raises(ValueError, match="invalid literal"):
        journal.close(entry(first, second), created={first: "1", second: "no number"})
    assert [e.idempotency_key for e in journal.in_doubt()] == ["key-1"]
    assert {row["monday_item_id"] for row in site.rows(site.tables.header_queue, record_uuid=record(order))} == {None}


# ---- the log ------------------------------------------------------------------------------------------------


def logged(site: Site) -> list[tuple[object, ...]]:
    rows = sorted(site.rows(site.tables.log), key=lambda row: row["log_id"])
    names = ("delta_uuid", "operation", "outcome", "monday_id", "message", "idempotency_key", "run_id")
    return [tuple(row[name] for name in names) for row in rows]


def test_what_becomes_of_a_row_is_logged(site: Site, journal: Journal, order: SampleOrders) -> None:
    one, two = (row["delta_uuid"] for row in order.headers)
    line = order.lines[0]["delta_uuid"]
    request = entry(one, two)
    journal.open(request)
    journal.close(request, created={one: "11"}, failed={two: Transient("HTTP 503 — später", MondayFault.BUSY)})
    journal.reject(Operation.SUBITEMS, {line: Rejected("no size", code=Rule.NO_SIZE)})
    journal.adopt(Operation.ITEMS, {two: "12"})
    assert logged(site) == [
        (one, "create_item", "created", 11, None, "key-1", "run-1"),
        (two, "create_item", "unsettled", None, "OS-303: HTTP 503 — später", "key-1", "run-1"),
        (line, "create_subitem", "rejected", None, "OS-403: no size", None, "run-1"),
        (two, "create_item", "adopted", 12, None, None, "run-1"),
    ]


def test_the_log_says_which_board_and_what_monday_calls_it(site: Site, journal: Journal, order: SampleOrders) -> None:
    one, two = (row["delta_uuid"] for row in order.headers)
    line = order.lines[0]["delta_uuid"]
    request = entry(one, two)
    journal.open(request)
    too_long = Rejected("refused", code="C" * 70, request_id="r" * 70)
    journal.close(request, created={one: "11"}, failed={two: too_long}, request_id="req-1")
    journal.reject(Operation.SUBITEMS, {line: Rejected("no size", code=Rule.NO_SIZE)})
    names = ("board_id", "code", "request_id", "payload")
    assert [tuple(row[name] for name in names) for row in sorted(site.rows(site.tables.log), key=_id)] == [
        (BOARD, None, "req-1", None),
        (BOARD, "C" * 64, "r" * 64, None),
        (BOARD, Rule.NO_SIZE, None, None),
    ]


def _id(row: Row) -> int:
    return int(row["log_id"])


def test_payloads_are_logged_only_where_asked_for(site: Site, order: SampleOrders) -> None:
    keys = uuids([order], "headers")
    rows = [{"name": f"Ünit {n}", "values": json.dumps({"text0": n}), "group": "topics"} for n in range(12)]
    many = [*keys, *(new_uuid() for _ in range(10))]
    for log_payloads in (False, True):
        journal = site.journal(log_payloads=log_payloads)
        with journal.holding_board():
            variables = {f"{name}{n}": value for n, row in enumerate(rows) for name, value in row.items()}
            body = json.dumps({"query": "...", "variables": {"board": "1", "labels": True} | variables})
            sent = replace(entry(*many, key=f"key-{log_payloads}"), body=body)
            journal.open(sent)
            journal.close(sent, created=dict.fromkeys(many, "1"))
            reported = site.rows(site.tables.log, idempotency_key=sent.idempotency_key)
            assert {row["payload"] is None for row in reported} == {not log_payloads}
    assert {row["delta_uuid"]: json.loads(row["payload"]) for row in reported} == dict(zip(many, rows, strict=True))


def test_an_imported_row_has_its_csv_line_as_payload(site: Site, order: SampleOrders) -> None:
    keys = uuids([order], "headers")
    journal = site.journal(log_payloads=True)
    text = '"name","colour"\r\n"One","Navy, \n""dark"""\r\n"Two",""\r\n'
    with journal.holding_board():
        request = json.dumps({"query": "...", "variables": {"group": "topics"}})
        sent = replace(entry(*keys, operation=Operation.IMPORT), body=json.dumps({"request": request, "csv": text}))
        journal.open(sent)
        journal.close(sent, created=dict.fromkeys(keys, "1"))
    reported = {row["delta_uuid"]: json.loads(row["payload"]) for row in site.rows(site.tables.log)}
    assert reported == {
        keys[0]: {"name": "One", "colour": 'Navy, \n"dark"'},
        keys[1]: {"name": "Two", "colour": ""},
    }


def test_adopted_lines_are_logged_once(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = order.lines
    journal.adopt(Operation.SUBITEMS, {first["delta_uuid"]: "71"})
    assert logged(site) == [(first["delta_uuid"], "create_subitem", "adopted", 71, None, None, "run-1")]
    assert site.row(site.tables.line_queue, delta_uuid=second["delta_uuid"])["monday_subitem_id"] is None


def test_the_board_keeps_the_name_and_address_that_monday_gave(site: Site) -> None:
    for name, url in (("Orders 七 🌅", "https://example.monday.com/boards/1"), ("Renamed", "https://b")):
        with site.journal().holding_board(name=name, url=url):
            board = site.row(site.tables.boards)
            assert (board["name"], board["url"]) == (name, url)
    with site.journal().holding_board():
        pass
    assert site.row(site.tables.boards)["name"] == "Renamed"  # nobody said otherwise


def test_groups_are_no_rows_log(site: Site, journal: Journal) -> None:
    request = entry("A title", operation=Operation.GROUPS)
    journal.open(request)
    journal.close(request, created={"A title": "topics"})
    assert logged(site) == []


def test_the_log_and_closed_requests_expire(site: Site, journal: Journal, order: SampleOrders) -> None:
    one, two = (row["delta_uuid"] for row in order.headers)
    for number, row in enumerate((one, two)):
        request = entry(row, key=f"key-{number}")
        journal.open(request)
        journal.close(request, created={row: str(number + 1)})
    journal.open(entry(one, key="in doubt"))
    old = site.now() - timedelta(days=91)
    site.change(site.tables.log, {"logged_at": old}, delta_uuid=one)
    site.change(site.tables.journal, {"closed_at": old}, idempotency_key="key-0")
    site.change(site.tables.journal, {"opened_at": old}, idempotency_key="in doubt")
    remove_expired(site.database, expired(site.database, site.tables, timedelta(days=90)))
    assert [row[0] for row in logged(site)] == [two]
    assert {row["idempotency_key"] for row in site.rows(site.tables.journal)} == {"key-1", "in doubt"}


# ---- what people changed on the board -----------------------------------------------------------------------


def test_deleted_items_are_forgotten_with_their_subitems(site: Site, journal: Journal, order: SampleOrders) -> None:
    one, two = (row["delta_uuid"] for row in order.headers)
    first, second = (row["delta_uuid"] for row in order.lines)
    journal.adopt(Operation.ITEMS, {one: "11", two: "12"})
    journal.adopt(Operation.SUBITEMS, {first: "21", second: "22"})
    site.change(site.tables.line_queue, {"parent_item_id": 11}, delta_uuid=first)
    site.change(site.tables.line_queue, {"parent_item_id": 12}, delta_uuid=second)
    record_uuid = order.headers[0]["record_uuid"]
    assert journal.forget_items([11, 99]) == {11: record_uuid}
    assert {r["delta_uuid"]: r["monday_item_id"] for r in site.rows(site.tables.header_queue)} == {one: None, two: 12}
    assert {r["delta_uuid"]: r["monday_subitem_id"] for r in site.rows(site.tables.line_queue)} == {
        first: None,
        second: 22,
    }
    assert logged(site)[-1][:4] == (one, "create_item", "deleted", 11)
    assert journal.forget_items([]) == {}


def test_only_subitems_of_unsynced_lines_are_forgotten(site: Site, journal: Journal, order: SampleOrders) -> None:
    first, second = (row["delta_uuid"] for row in order.lines)
    journal.adopt(Operation.SUBITEMS, {first: "21", second: "22"})
    site.change(site.tables.line_queue, {"sync_state": State.SYNCED}, delta_uuid=second)
    journal.forget_subitems({first: "21", second: "22"})
    assert {r["delta_uuid"]: r["monday_subitem_id"] for r in site.rows(site.tables.line_queue)} == {
        first: None,
        second: 22,
    }
    assert logged(site)[-1][1:3] == ("create_subitem", "deleted")
    journal.forget_subitems({})


def test_an_item_of_a_synced_order_is_not_forgotten(site: Site, journal: Journal, order: SampleOrders) -> None:
    one = order.headers[0]["delta_uuid"]
    journal.adopt(Operation.ITEMS, {one: "11"})
    site.change(site.tables.header_queue, {"sync_state": State.SYNCED}, delta_uuid=one)
    assert journal.forget_items([11]) == {}
    [header] = [row for row in site.rows(site.tables.header_queue) if row["delta_uuid"] == one]
    assert header["monday_item_id"] == 11


def test_imports_of_the_last_hour_are_counted(site: Site, journal: Journal) -> None:
    for name, keys in (("old", 3), ("new", 5)):
        journal.open(entry(*(new_uuid() for _ in range(keys)), key=name, operation=Operation.IMPORT))
    site.change(site.tables.journal, {"opened_at": site.now() - timedelta(minutes=61)}, idempotency_key="old")
    assert journal.recent_imports(timedelta(hours=1)) == (1, 5)


def test_a_job_is_kept_with_its_request(journal: Journal) -> None:
    request = entry(new_uuid(), new_uuid(), operation=Operation.IMPORT)
    journal.open(request)
    journal.amend(replace(request, body='{"job": "Ü-1"}'))
    [kept] = journal.in_doubt()
    assert (kept.body, kept.operation) == ('{"job": "Ü-1"}', Operation.IMPORT)


def test_only_the_named_rows_lose_their_id(site: Site, journal: Journal) -> None:
    mine, other = make_order(), make_order(minute=1)
    site.add(mine, other)
    site.claim("run-1", mine, other)
    keys = [of_order.headers[0]["delta_uuid"] for of_order in (mine, other)]
    journal.adopt(Operation.ITEMS, dict(zip(keys, ("11", "12"), strict=True)))
    journal.unfinish(Operation.CHANGE_ITEMS, keys[:1])
    ids = {row["delta_uuid"]: row["monday_item_id"] for row in site.rows(site.tables.header_queue)}
    assert ids == {keys[0]: None, keys[1]: 12}


# ---- closing ----------------------------------------------------------------------------------------------


def test_closing_extends_a_lease_of_which_half_is_used_up(site: Site, journal: Journal) -> None:
    for key, left, is_extended in (("key-1", 120, False), ("key-2", 80, True)):
        journal.open(entry("k0", key=key))
        until = site.now() + timedelta(seconds=left)
        site.change(site.tables.boards, {"leased_until": until}, board_id=BOARD)
        journal.close(entry("k0", key=key))
        after = site.row(site.tables.boards)["leased_until"]
        assert (after > until + timedelta(seconds=90)) is is_extended
        assert is_extended or after == until


def test_only_the_open_entry_of_that_key_is_closed(site: Site, journal: Journal) -> None:
    for key in ("key-1", "key-2", "key-3"):
        journal.open(entry("k0", key=key))
    journal.close(entry("k0", key="key-1"))
    journal.close(entry("k0", key="key-2"), watch=True)
    rows = {row["idempotency_key"]: row for row in site.rows(site.tables.journal)}
    assert {key: row["state"] for key, row in rows.items()} == {"key-1": "CLOSED", "key-2": "WATCHED", "key-3": "OPEN"}
    assert (rows["key-1"]["body"], rows["key-2"]["body"], rows["key-3"]["body"]) == (None, BODY, BODY)
    assert rows["key-1"]["closed_at"] is not None
    assert rows["key-3"]["closed_at"] is None


def test_a_lost_answer_to_the_closing_is_no_failure(site: Site, journal: Journal) -> None:
    journal.open(entry("k0"))
    journal.close(entry("k0"))
    journal.close(entry("k0"))
    site.change(site.tables.journal, {"run_id": "run-2"}, idempotency_key="key-1")
    with pytest.raises(LeaseLost, match="Another run resolved request key-1"):
        journal.close(entry("k0"))


LOST: dict[str, tuple[str, str, Callable[[Journal], None]]] = {
    "the request": ("INSERT", "DELETE FROM {table}", lambda of: of.open(entry("k0"))),
    "that it is open": ("INSERT", "UPDATE {table} SET state = 'CLOSED'", lambda of: of.open(entry("k0"))),
    "who sends it": ("UPDATE", "UPDATE {table} SET run_id = 'run-2'", lambda of: of.sending_again(entry("k0"))),
    "its job": ("UPDATE", "UPDATE {table} SET body = '{{}}'", lambda of: of.amend(entry("k0"))),
    "its end": ("UPDATE", "UPDATE {table} SET state = 'OPEN'", lambda of: of.close(entry("k0"))),
}


@pytest.mark.parametrize("what", LOST)
def test_a_request_that_a_trigger_alters_is_noticed(
    site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("the trigger is written for SQLite")
    monkeypatch.setattr(connection_module, "sleep", lambda seconds: None)
    event, change, write = LOST[what]
    if event == "UPDATE":
        journal.open(entry("k0"))
    before, table = site.rows(site.tables.journal), f'"{site.tables.journal.name}"'
    with site.database.write() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER undo AFTER {event} ON {table} BEGIN {change.format(table=table)}; END"
        )
    with pytest.raises(WriteLost, match="request key-1 was not on record"):
        write(journal)
    assert site.rows(site.tables.journal) == before


def test_sending_again_makes_the_entry_this_runs(site: Site, journal: Journal) -> None:
    journal.open(entry("k0"))
    before = site.row(site.tables.journal)
    expire_board(site)
    second = site.journal("run-2")
    assert second._try_board() is None
    second.sending_again(entry("k0"))
    row = site.row(site.tables.journal)
    assert (row["run_id"], row["opened_at"], row["body"]) == ("run-2", before["opened_at"], BODY)
    assert row["sent_at"] >= before["sent_at"]
    second.amend(replace(entry("k0"), body="{}"))
    row = site.row(site.tables.journal)
    assert (row["run_id"], row["body"]) == ("run-2", "{}")


def test_what_a_request_did_is_logged_with_its_ids(site: Site, order: SampleOrders) -> None:
    keys = tuple(uuids([order], "headers"))
    body = json.dumps({"variables": {"name0": "Oak", "name1": "Elm", "values0": "{}", "values1": "{}"}})
    for log_payloads, number in ((True, 0), (False, 1)):
        journal = site.journal(log_payloads=log_payloads)
        assert journal._try_board() is None
        of = Entry(idempotency_key=f"key-{number}", operation=Operation.ITEMS, keys=keys, body=body)
        journal.open(of)
        journal.close(of, created={keys[0]: "7"}, failed={keys[1]: Transient("busy")}, request_id=f"req-{number}")
        log = {row["delta_uuid"]: row for row in site.rows(site.tables.log, idempotency_key=f"key-{number}")}
        assert {key: row["outcome"] for key, row in log.items()} == {keys[0]: "created", keys[1]: "unsettled"}
        assert {row["request_id"] for row in log.values()} == {f"req-{number}"}
        sent = json.dumps({"name": "Oak", "values": "{}"}) if log_payloads else None
        assert (log[keys[0]]["payload"], log[keys[0]]["monday_id"]) == (sent, 7)


def test_an_item_archived_by_a_job_is_logged_with_it(site: Site, journal: Journal, order: SampleOrders) -> None:
    [key, _] = uuids([order], "headers")
    body = json.dumps({"items": ["7"], "job": "job-12"})
    of = Entry(idempotency_key="key-1", operation=Operation.ARCHIVE, keys=(key,), body=body)
    journal.open(of)
    journal.close(of, created={key: "7"})
    [line] = site.rows(site.tables.log, delta_uuid=key, outcome="cancelled")
    assert "by job job-12" in line["message"]


def test_deleted_items_are_forgotten_whatever_their_number(site: Site, journal: Journal) -> None:
    """And only by rows that wait: what is SYNCED keeps its ids."""
    orders = [make_order(minute=minute, lines=1) for minute in range(3)]
    site.add(*orders)
    site.claim("run-1", *orders)
    for item, order in enumerate(orders, start=1):
        site.change(site.tables.header_queue, {"monday_item_id": item}, record_uuid=record(order))
        values = {"monday_subitem_id": 10 + item, "parent_item_id": item}
        site.change(site.tables.line_queue, values, record_uuid=record(order))
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": State.SYNCED}, record_uuid=record(orders[2]))
    forgotten = journal.forget_items([1, *range(10_000, 11_500), 2, 3])
    assert forgotten == {1: record(orders[0]), 2: record(orders[1])}
    headers = {row["record_uuid"]: row["monday_item_id"] for row in site.rows(site.tables.header_queue)}
    lines = {row["record_uuid"]: row["monday_subitem_id"] for row in site.rows(site.tables.line_queue)}
    assert headers == {record(orders[0]): None, record(orders[1]): None, record(orders[2]): 3}
    assert lines == {record(orders[0]): None, record(orders[1]): None, record(orders[2]): 13}
    assert journal.forget_items([]) == {}


@pytest.mark.parametrize("of_lines", [False, True])
def test_a_deleted_id_that_a_trigger_restores_is_noticed(
    site: Site, journal: Journal, order: SampleOrders, monkeypatch: pytest.MonkeyPatch, of_lines: bool
) -> None:
    if site.database.dialect == "mssql":
        pytest.skip("the trigger is written for SQLite")
    monkeypatch.setattr(connection_module, "sleep", lambda seconds: None)
    table, column = (
        (site.tables.line_queue, "monday_subitem_id") if of_lines else (site.tables.header_queue, "monday_item_id")
    )
    site.change(table, {column: 7})
    with site.database.write() as connection:
        connection.exec_driver_sql(
            f'CREATE TRIGGER undo AFTER UPDATE OF {column} ON "{table.name}" WHEN NEW.{column} IS NULL BEGIN '  # noqa: S608 - a test's
            f'UPDATE "{table.name}" SET {column} = OLD.{column} WHERE delta_uuid = NEW.delta_uuid; END'
        )
    kind = "subitem" if of_lines else "item"
    lines = dict.fromkeys(uuids([order], "lines"), "7")
    with pytest.raises(WriteLost, match=f"2 rows still had a deleted {kind}"):
        journal.forget_subitems(lines) if of_lines else journal.forget_items([7])


# ---- what is unsettled ------------------------------------------------------------------------------------


@pytest.fixture
def stopped_clock(site: Site, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The database's clock, which stands still."""
    now = site.now().replace(microsecond=0)
    monkeypatch.setattr(Database, "now", lambda *_: now)
    return now


def test_open_and_watched_requests_are_kept_by_board(site: Site) -> None:
    for number, watch in enumerate((False, True)):
        journal = site.journal(board_id=BOARD + number)
        assert journal._try_board() is None
        journal.open(entry("k0", key=f"key-{number}"))
        if watch:
            journal.close(entry("k0", key=f"key-{number}"), watch=True)
    found = unsettled(site.database, site.tables)
    assert (found.open, found.watched, found.doubtful) == ({BOARD}, {BOARD + 1}, set())
    asked: list[str] = []
    unsettled(site.database, site.tables, lambda run_id: bool(asked.append(run_id)))  # type: ignore[func-returns-value]
    assert asked == ["run-1"]


@pytest.mark.parametrize(("left", "is_doubtful"), [(0, True), (1, False), (180, False), (181, True)])
def test_a_holder_is_known_while_its_lease_can_be_good(
    site: Site, stopped_clock: datetime, left: float, is_doubtful: bool
) -> None:
    journal = site.journal()
    assert journal._try_board() is None
    journal.open(entry("k0"))
    site.change(site.tables.boards, {"leased_until": stopped_clock + timedelta(seconds=left)}, board_id=BOARD)
    found = unsettled(site.database, site.tables, lease=timedelta(seconds=180))
    assert found.doubtful == ({BOARD} if is_doubtful else set())


def test_import_jobs_are_counted_since_then(site: Site, stopped_clock: datetime) -> None:
    journal = site.journal()
    assert journal._try_board() is None
    for key, operation in (("key-1", Operation.IMPORT), ("key-2", Operation.IMPORT), ("key-3", Operation.ITEMS)):
        journal.open(entry("k0", "k1", key=key, operation=operation))
    site.age_entry("key-2", opened=timedelta(seconds=60))
    assert journal.recent_imports(timedelta(seconds=61)) == (2, 4)
    assert journal.recent_imports(timedelta(seconds=60)) == (1, 2)


def test_groups_are_known_in_the_order_of_their_making(site: Site, stopped_clock: datetime) -> None:
    at = {"board_id": BOARD}
    made = [("b", "Oak", 2), ("c", "Oak", 1), ("a", "Elm", 2)]
    site.insert(
        site.tables.groups,
        *(
            {"group_id": key, "title": f"{title} {key}", "created_at": stopped_clock + timedelta(n)} | at
            for key, title, n in made
        ),
    )
    assert list(known_groups(site.database, site.tables, BOARD)) == ["c", "a", "b"]
