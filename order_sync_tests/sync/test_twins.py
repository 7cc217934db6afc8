"""What was created in doubt is watched: a twin that turns up late is archived, or reported where it must not be.

In: a request that monday executed twice, because it had forgotten the key and its search was later than any look.
Out: one of each on the board, or both and the reason.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from order_sync.database.entries import EntryState, Operation
from order_sync.database.watch_list import LEFT
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.budget import Grant
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import Transient
from order_sync.orders.states import State
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD
from order_sync.sync import twins
from order_sync.sync.compare import Kind
from order_sync.sync.rows import NewRow
from order_sync.sync.twins import Found, twins_left_by, why_it_stays
from order_sync_tests.contract.site import new_uuid, set_clock
from order_sync_tests.sync.stage import SHARED, SharedClock, Stage

VERY_LATE = 600.0  # than a look-up waits for
BOTH = [Operation.ITEMS, Operation.SUBITEMS]


def doubled(stage: Stage, operation: Operation, count: int = 3) -> list[NewRow]:
    """Rows that were created twice: of subitems, which are never looked for too late, monday hides the first ones."""
    rows = stage.wanted(operation, count)
    if operation is Operation.SUBITEMS:
        stage.faults(Fault(kind=FaultKind.RESET_AFTER, operation="create_subitem", nth=1))
        stage.create(operation, rows, first_batch=count)
        for row in rows:
            somebody(stage, create_subitem(row), who="a-token")
        stage.faults()
        return rows
    stage.crash(operation, rows, after=True)
    stage.emulator.configure(lookup_lag_s=VERY_LATE, idempotency_retention_s=0.000_001)
    with stage.writer(run_id="run-2", clock=SharedClock(stage.emulator)) as writer:
        writer.recover()
    stage.emulator.advance(VERY_LATE)
    assert {len(ids) for ids in stage.items().values()} == {2}
    return rows


def create_subitem(row: NewRow) -> str:
    values = json.dumps(row.variables["values"])
    return f'create_subitem(parent_item_id: {row.variables["parent"]}, item_name: "T", column_values: {values})'


def somebody(stage: Stage, field: str, *, who: str = "somebody") -> str:
    answer = httpx.post(
        stage.emulator.url,
        json={"query": f"mutation {{ made: {field} {{ id }} }}"},
        headers={"Authorization": who},
        trust_env=False,
    ).json()
    return str(answer["data"]["made"]["id"])


def look(stage: Stage, run_id: str = "run-3", **how: Any) -> Found:
    with stage.writer(run_id=run_id, clock=SharedClock(stage.emulator)) as writer:
        return writer.twins.look(**how)


def states(stage: Stage) -> set[str]:
    return {row["state"] for row in stage.site.rows(stage.site.tables.journal)}


def first_items(stage: Stage) -> dict[str, str]:
    """By delta_uuid the items that the tables do not name: those that the first request made."""
    return {key: min(ids, key=int) for key, ids in stage.items().items()}


def named_items(stage: Stage) -> dict[str, str]:
    """By delta_uuid the items that the tables name."""
    return {row["delta_uuid"]: str(row["monday_item_id"]) for row in stage.site.rows(stage.site.tables.header_queue)}


def board_keys(stage: Stage) -> dict[str, str]:
    """The record_uuid by delta_uuid."""
    return {row["delta_uuid"]: row["record_uuid"] for row in stage.site.rows(stage.site.tables.header_queue)}


@pytest.mark.parametrize("operation", BOTH)
def test_a_twin_that_turns_up_late_is_archived(stage: Stage, operation: Operation) -> None:
    rows = doubled(stage, operation)
    found = look(stage)
    assert (sorted(map(len, found.archived.values())), found.left) == ([1] * 3, {})
    stage.check_once(operation, rows)
    lines = stage.site.rows(stage.site.tables.log, outcome="twin archived")
    assert {line["delta_uuid"] for line in lines} == {row.key for row in rows}


class RefusingOnce(MondayTransport):
    """The second mutation is refused as a whole, and not executed; the answer to the first one is lost on its way."""

    mutations = 0

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        if idempotency_key:
            self.mutations += 1
            if self.mutations == 2:
                error = {"message": "no such group", "extensions": {"code": "InvalidArgumentException"}}
                return Reply(status=200, headers={}, body={"errors": [error]})
        reply = super().send(body, idempotency_key=idempotency_key, **how)
        if self.mutations == 1 and idempotency_key:
            raise Transient("no answer", code="no_answer")
        return reply


def test_what_is_refused_after_a_doubt_is_watched(stage: Stage) -> None:
    """The first sending made items that no look has shown yet; the second is refused, and the rows get new requests."""
    rows = stage.wanted(Operation.ITEMS, 3)
    stage.emulator.configure(lookup_lag_s=VERY_LATE)
    transport = RefusingOnce(stage.emulator.url, "a-token", timeout_seconds=5)
    stage.create(Operation.ITEMS, rows, transport=transport, clock=SharedClock(stage.emulator), first_batch=3)
    stage.emulator.advance(VERY_LATE)
    assert {len(ids) for ids in stage.items().values()} == {2}
    look(stage)
    stage.check_once(Operation.ITEMS, rows)


def test_the_item_that_the_tables_name_stays(stage: Stage) -> None:
    rows = doubled(stage, Operation.ITEMS)
    look(stage)
    named = {row["delta_uuid"]: [str(row["monday_item_id"])] for row in stage.site.rows(stage.site.tables.header_queue)}
    assert stage.items() == {row.key: named[row.key] for row in rows}


def test_the_oldest_stays_where_the_tables_name_none(stage: Stage) -> None:
    doubled(stage, Operation.ITEMS)
    oldest = first_items(stage)
    for row in stage.site.rows(stage.site.tables.header_queue):
        stage.site.change(stage.site.tables.header_queue, {"monday_item_id": None}, delta_uuid=row["delta_uuid"])
        stage.site.change(
            stage.site.tables.items, {"item_id": 1}, record_uuid=row["record_uuid"]
        )  # one that was deleted since
    look(stage)
    assert stage.items() == {key: [item] for key, item in oldest.items()}


def edit(stage: Stage, item: str) -> None:
    stage.emulator.advance(60)
    somebody(
        stage, f'change_multiple_column_values(board_id: {EMBEDDED_BOARD}, item_id: {item}, column_values: "{{}}")'
    )


def add_subitem(stage: Stage, item: str) -> None:
    somebody(stage, f'create_subitem(parent_item_id: {item}, item_name: "A note")')


def discuss(stage: Stage, item: str) -> None:
    somebody(stage, f'create_update(item_id: {item}, body: "Which of the two?")')


@pytest.mark.parametrize(
    ("deed", "reason"), [(edit, "changed after"), (add_subitem, "has no subitem like"), (discuss, "it has updates")]
)
def test_a_twin_that_somebody_has_touched_stays_and_is_reported(stage: Stage, deed: Any, reason: str) -> None:
    rows = doubled(stage, Operation.ITEMS)
    touched = first_items(stage)[rows[0].key]
    deed(stage, touched)
    found = look(stage)
    assert len(found.archived) == 2
    assert reason in found.left[touched]
    assert len(stage.items()[rows[0].key]) == 2
    assert [line["monday_id"] for line in stage.site.rows(stage.site.tables.log, outcome="twin left")] == [int(touched)]


def test_a_twin_under_which_the_tables_have_a_subitem_stays(stage: Stage) -> None:
    rows = doubled(stage, Operation.ITEMS)
    home = first_items(stage)[rows[0].key]
    at = {"board_id": EMBEDDED_BOARD, "run_id": "run-1", "written_at": stage.site.now()}
    line = {"line_uuid": new_uuid(), "record_uuid": new_uuid(), "subitem_id": 1, "parent_item_id": int(home)}
    stage.site.insert(stage.site.tables.subitems, line | at)
    assert "the tables have a subitem" in look(stage).left[home]


def test_a_twin_of_somebody_else_stays(stage: Stage) -> None:
    """As one who duplicates an item on the board: the copy has its key."""
    rows = stage.wanted(Operation.ITEMS, 1)
    stage.crash(Operation.ITEMS, rows, after=True)
    with stage.writer(run_id="run-2") as writer:
        writer.recover()
    values = json.dumps(rows[0].variables["values"])
    copy = somebody(stage, f'create_item(board_id: {EMBEDDED_BOARD}, item_name: "T", column_values: {values})')
    assert "somebody else" in look(stage).left[copy]
    assert len(stage.items()[rows[0].key]) == 2


def test_a_twin_that_monday_keeps_is_reported_and_retried(stage: Stage) -> None:
    rows = doubled(stage, Operation.ITEMS)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="archive_item", aliases=(1,), failure="final"))
    found = look(stage)
    assert (len(found.archived), len(found.left)) == (2, 1)
    stage.faults()
    assert len(look(stage, "run-4").archived) == 1
    stage.check_once(Operation.ITEMS, rows)


def test_nothing_in_doubt_needs_no_call(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS)
    stage.create(Operation.ITEMS, rows)
    before = len(stage.emulator.requests())
    look(stage)
    assert len(stage.emulator.requests()) == before
    assert states(stage) == {EntryState.CLOSED}


def test_a_hundred_keys_are_one_call(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 100)
    stage.crash(Operation.ITEMS, rows, after=True, first_batch=100)
    with stage.writer(run_id="run-2") as writer:
        writer.recover()
    before = len(stage.emulator.requests())
    look(stage)
    assert len(stage.emulator.requests()) == before + 1


def test_an_entry_is_watched_for_an_hour_and_then_listed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled(stage, Operation.ITEMS)
    look(stage)
    for minutes, state in ((29, EntryState.WATCHED), (2, EntryState.WATCHED), (28, EntryState.WATCHED)):
        set_clock(monkeypatch, timedelta(minutes=minutes))
        look(stage)
        assert states(stage) == {state}
    set_clock(monkeypatch, timedelta(minutes=3))
    look(stage)
    assert states(stage) == {EntryState.LISTED}
    before = len(stage.emulator.requests())
    look(stage)
    assert len(stage.emulator.requests()) == before
    look(stage, states=(EntryState.WATCHED, EntryState.LISTED), last=True)
    assert states(stage) == {EntryState.CLOSED}


def test_a_clock_that_jumps_does_not_end_the_watch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = doubled(stage, Operation.ITEMS)
    stage.emulator.configure(lookup_lag_s=10 * VERY_LATE)
    set_clock(monkeypatch, timedelta(hours=2))
    assert look(stage).archived == {}
    stage.emulator.advance(10 * VERY_LATE)
    assert len(look(stage, "run-4").archived) == 3
    stage.check_once(Operation.ITEMS, rows)


def test_a_search_that_fails_leaves_it_to_the_next_run(stage: Stage) -> None:
    rows = doubled(stage, Operation.ITEMS)
    stage.faults(Fault(kind=FaultKind.HTTP_503_EMPTY, operation="query"))
    assert look(stage) == Found()
    stage.faults()
    assert len(look(stage, "run-4").archived) == 3
    stage.check_once(Operation.ITEMS, rows)
    assert {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)} == {State.PENDING}


def test_what_a_live_run_created_in_doubt_is_watched_too(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS)
    stage.faults(Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=1))
    with stage.writer() as writer:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert EntryState.WATCHED in states(stage)


def test_an_item_without_an_active_twin_is_left_alone(stage: Stage) -> None:
    """Both were archived by a person, or all but one."""
    rows = doubled(stage, Operation.ITEMS, 2)
    for item in stage.items()[rows[0].key]:
        somebody(stage, f"archive_item(item_id: {item})")
    named = {row["delta_uuid"]: row["monday_item_id"] for row in stage.site.rows(stage.site.tables.header_queue)}
    somebody(stage, f"archive_item(item_id: {named[rows[1].key]})")
    found = look(stage)
    assert (found.archived, found.left) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "refused", "left", "why"),
    [
        (FaultKind.PARTIAL_BATCH, (0, 1, 2), 3, "The emulator was told to fail here"),
        (FaultKind.PARTIAL_BATCH, (1,), 1, "The emulator was told to fail here"),
        (FaultKind.DAILY_LIMIT, (), 3, "daily"),
    ],
)
def test_what_monday_does_not_archive_is_left_with_the_reason(
    stage: Stage, kind: FaultKind, refused: tuple[int, ...], left: int, why: str
) -> None:
    doubled(stage, Operation.ITEMS)
    of = {item: key for key, item in first_items(stage).items()}
    named, keys = named_items(stage), board_keys(stage)
    stage.faults(Fault(kind=kind, operation="archive_item", aliases=refused, failure="final"))
    found = look(stage)
    assert (len(found.archived), len(found.left)) == (3 - left, left)
    for item, reason in found.left.items():
        assert reason.startswith("monday did not archive it: ")
        assert why in reason
        assert reason.endswith(f" (its twin {named[of[item]]} has the key {keys[of[item]]} as well)")


def test_twins_that_were_left_are_findings(stage: Stage) -> None:
    for operation, kind in ((Operation.ITEMS, Kind.ITEM_DOUBLED), (Operation.SUBITEMS, Kind.SUBITEM_DOUBLED)):
        journal = stage.journal(f"run of {operation}")
        with journal.holding_board():
            journal.note(operation, LEFT, {"row-1": "70"})
        [finding] = twins_left_by(stage.site.queue(), f"run of {operation}")
        key = "row-1" if operation is Operation.SUBITEMS else None
        assert (finding.kind, finding.key, finding.monday_id) == (kind, key, 70)
        assert finding.what == "row row-1 also has 70, which was not archived; the log says why"
    assert twins_left_by(stage.site.queue(), "another run") == []


def test_every_watched_request_is_looked_up(stage: Stage) -> None:
    rows = [*doubled(stage, Operation.ITEMS, 2), *doubled(stage, Operation.ITEMS, 1)]
    keys, first = board_keys(stage), first_items(stage)
    assert look(stage).archived == {keys[row.key]: [first[row.key]] for row in rows}
    stage.check_once(Operation.ITEMS, rows)


def subitems(stage: Stage) -> dict[str, list[str]]:
    """Ids by line_uuid, the oldest first."""
    found: dict[str, list[str]] = {}
    for subitem in (subitem for item in stage.board()["items"] for subitem in item["subitems"]):
        found.setdefault(subitem["columns"]["line_uuid"], []).append(subitem["id"])
    return {key: sorted(ids, key=int) for key, ids in found.items()}


def test_the_subitem_that_the_tables_name_stays(stage: Stage) -> None:
    doubled(stage, Operation.SUBITEMS)
    newest = {key: ids[1] for key, ids in subitems(stage).items()}
    for key, subitem in newest.items():
        stage.site.change(stage.site.tables.line_queue, {"monday_subitem_id": int(subitem)}, line_uuid=key)
        stage.site.change(stage.site.tables.subitems, {"subitem_id": int(subitem)}, line_uuid=key)
    look(stage)
    assert subitems(stage) == {key: [subitem] for key, subitem in newest.items()}


@pytest.mark.parametrize("operation", BOTH)
def test_one_of_another_order_or_line_is_no_twin(stage: Stage, operation: Operation) -> None:
    """Somebody has given the first one the key of the second one."""
    doubled(stage, operation, 2)
    look(stage)
    if operation is Operation.SUBITEMS:
        board, column, there = EMBEDDED_SUBITEM_BOARD, "line_uuid", subitems(stage)
    else:
        keys = board_keys(stage)
        board, column, there = EMBEDDED_BOARD, "record_uuid", {keys[row]: ids for row, ids in stage.items().items()}
    (_, [first]), (second, [_]) = there.items()
    somebody(
        stage,
        f"change_multiple_column_values(board_id: {board}, item_id: {first}, "
        f"column_values: {json.dumps(json.dumps({column: second}))})",
    )
    assert look(stage, "run-4") == Found()


@pytest.mark.parametrize("both", [True, False])
def test_a_twin_goes_if_its_subitems_have_twins(stage: Stage, both: bool) -> None:
    [row] = doubled(stage, Operation.ITEMS, 1)
    twin = first_items(stage)[row.key]
    values = json.dumps(json.dumps({"line_uuid": new_uuid()}))
    for item in stage.items()[row.key] if both else [twin]:
        create = f'create_subitem(parent_item_id: {item}, item_name: "S", column_values: {values})'
        somebody(stage, create, who="a-token")
    found = look(stage)
    if both:
        assert (found.archived, found.left) == ({board_keys(stage)[row.key]: [twin]}, {})
    else:
        assert "its twin has no subitem like" in found.left[twin]


@pytest.mark.parametrize("shown", [{}, {"subitems": None}, {"subitems": [{"id": "7", "state": "active"}]}])
def test_a_twin_whose_subitems_are_unknown_stays(shown: dict[str, Any]) -> None:
    at = "2026-03-02T08:00:00Z"
    row: dict[str, Any] = {
        "id": "5",
        "creator_id": "1",
        "updates": [],
        "created_at": at,
        "updated_at": at,
        "parent_item": None,
    }
    assert why_it_stays(row | shown, row, "1", "line_uuid") == "monday does not return its subitems"


@pytest.mark.parametrize("operation", BOTH)
def test_the_log_says_what_became_of_a_twin(
    stage: Stage, operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    doubled(stage, operation, 2)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="archive_item", aliases=(1,), failure="final"))
    found = look(stage)
    [(own, [archived])], [(left, reason)] = found.archived.items(), found.left.items()
    kind = "subitem" if operation is Operation.SUBITEMS else "item"
    assert f"{kind} {archived} was an untouched twin with key {own}: archived" in caplog.messages
    assert f"{kind} {left} is a twin but was not archived: {reason}" in caplog.messages


def test_twins_are_archived_in_paid_calls_under_the_lease(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = doubled(stage, Operation.ITEMS)
    monkeypatch.setattr(twins, "A_CALL", 2)
    with stage.writer(run_id="run-3", clock=SharedClock(stage.emulator)) as writer:
        of = writer.twins
        grants: list[Grant] = []
        admitted, sent = list[Any](), list[dict[str, Any]]()
        admit, mutate = of._delivery.admit, of._client.mutate

        def admitting(*given: Any, **more: Any) -> Grant:
            admitted.append((*given, more))
            grants.append(admit(*given, **more))
            return grants[-1]

        def mutating(*given: Any, **how: Any) -> Reply:
            sent.append(how)
            return mutate(*given, **how)

        monkeypatch.setattr(of._delivery, "admit", admitting)
        monkeypatch.setattr(of._client, "mutate", mutating)
        found = of.look()
        last_check = of._journal.expect_time_left
    assert len(found.archived) == 3
    assert admitted == [("archive_item", 2, {"whole": True}), ("archive_item", 1, {"whole": True})]
    keys = {str(UUID(how.pop("idempotency_key"))) for how in sent}
    assert len(keys) == 2
    paid = {"operation": "archive_item", "last_check": last_check}
    assert sent == [paid | {"rows": grant.rows, "grant": grant} for grant in grants]
    stage.check_once(Operation.ITEMS, rows)


def test_only_the_key_columns_of_twins_are_asked_for(stage: Stage) -> None:
    """All others cost points, and may be long."""
    doubled(stage, Operation.ITEMS, 1)
    asked = list[dict[str, Any]]()

    class Recording(MondayTransport):
        def send(self, body: str, **how: Any) -> Reply:
            asked.append(json.loads(body))
            return super().send(body, **how)

    transport = Recording(stage.emulator.url, "a-token", timeout_seconds=5)
    with stage.writer(transport, run_id="run-3", clock=SharedClock(stage.emulator)) as writer:
        writer.twins.look()
    [variables] = [each["variables"] for each in asked if "query Twins(" in each["query"]]
    assert (variables["ids"], variables["own"]) == (["record_uuid"], ["line_uuid"])
