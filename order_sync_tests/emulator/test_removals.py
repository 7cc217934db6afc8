"""Jobs that archive or delete many items, what they report, and how they are undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from order_sync.emulator import Emulator, EmulatorSettings, Fault, FaultKind, start_emulator
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep, batch
from order_sync_tests.waiting import until

START = "mutation ($b: ID!, $i: [ID!]!) { job: bulk_%s_items(board_id: $b, item_ids: $i) { job_id } }"
STATUS = """query ($j: ID!) { job_status(job_id: $j) {
    id status created_at updated_at error result { total succeeded failed details } } }"""
UNDO = "mutation ($j: ID!) { undo_action(job_id: $j) { success message } }"
STATES = "query ($i: [ID!]) { items(ids: $i, limit: 100) { state } }"


def made(monday: Monday, count: int) -> list[str]:
    return [item["id"] for item in monday.data(*batch(count)).values()]


def start(monday: Monday, items: list[str], verb: str = "archive", board: int = 101) -> str:
    return str(monday.data(START % verb, {"b": board, "i": items})["job"]["job_id"])


def status(monday: Monday, job: str) -> dict[str, Any]:
    found: dict[str, Any] = monday.data(STATUS, {"j": job})["job_status"]
    return found


def ended(monday: Monday, job: str) -> dict[str, Any]:
    until(lambda: status(monday, job)["status"] not in ("PENDING", "RUNNING"), "the job's end", every=0.005)
    return status(monday, job)


def states(monday: Monday, items: list[str]) -> list[str]:
    return [item["state"] for item in monday.data(STATES, {"i": items})["items"]]


def undo(monday: Monday, job: str) -> bool:
    return bool(monday.data(UNDO, {"j": job})["undo_action"]["success"])


@pytest.mark.parametrize(("verb", "state"), [("archive", "archived"), ("delete", "deleted")])
def test_a_job_removes_items_and_undo_brings_them_back(monday: Monday, verb: str, state: str) -> None:
    items = made(monday, 3)
    subitem, early = monday.subitem(items[0], "Size M"), monday.subitem(items[0], "Size S")
    monday.data("mutation ($i: ID) { archive_item(item_id: $i) { id } }", {"i": early})
    job = start(monday, [*items[:2], items[0], "5"], verb)
    report = ended(monday, job)
    assert (report["status"], report["error"], report["id"]) == ("COMPLETED", None, job)
    assert report["result"] == {"total": 3, "succeeded": 2, "failed": 1, "details": {"failed_item_ids": ["5"]}}
    assert states(monday, [*items, subitem]) == [state, state, "active", state]
    assert undo(monday, job)
    until(lambda: states(monday, [*items, subitem]) == ["active"] * 4, "the items back")
    if verb == "archive":
        assert states(monday, [early]) == ["archived"]
    assert not undo(monday, job)


def test_what_cannot_be_removed_is_counted_as_failed(monday: Monday) -> None:
    deleted, archived, other = made(monday, 3)
    subitem = monday.subitem(other, "Size M")
    monday.data("mutation ($i: ID) { delete_item(item_id: $i) { id } }", {"i": deleted})
    monday.data("mutation ($i: ID) { archive_item(item_id: $i) { id } }", {"i": archived})
    job = start(monday, [deleted, archived, subitem])
    assert ended(monday, job)["result"]["details"] == {"failed_item_ids": [deleted, subitem]}
    assert ended(monday, start(monday, [subitem], board=102))["result"]["succeeded"] == 1
    # Undo brings back what the job removed, not what was archived before.
    assert undo(monday, job)
    assert states(monday, [archived]) == ["archived"]


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"b": 5, "i": ["1"]}, "InvalidBoardIdException"),
        ({"b": 101, "i": []}, "InvalidArgumentException"),
        ({"b": 101, "i": ["one"]}, "InvalidArgumentException"),
    ],
)
def test_a_job_that_cannot_start(monday: Monday, variables: dict[str, Any], code: str) -> None:
    assert monday.code(START % "archive", variables) == code


def test_a_job_of_nobody(emulator: Emulator, monday: Monday) -> None:
    for query in (STATUS, UNDO):
        assert monday.code(query, {"j": "nope"}) == "ResourceNotFoundException"
    emulator.configure(closed_boards=[101])
    assert monday.code(START % "archive", {"b": 101, "i": ["1"]}) == "UserUnauthorizedException"


def test_a_job_removes_items_in_turn_and_can_be_cancelled(emulator: Emulator, monday: Monday) -> None:
    items = made(monday, 3)
    emulator.configure(bulk_start_ms=MINUTE_MS, bulk_row_ms=MINUTE_MS)
    job = start(monday, items)
    assert (status(monday, job)["status"], status(monday, job)["result"]) == ("PENDING", None)
    asleep(emulator, 1)
    emulator.advance(60)
    until(lambda: status(monday, job)["status"] == "RUNNING", "the job's beginning")
    asleep(emulator, 1)
    emulator.advance(60)
    until(lambda: states(monday, items) == ["archived", "active", "active"], "the first item")
    assert undo(monday, job)
    report = ended(monday, job)
    assert report["status"] == "CANCELLED"
    assert report["result"] == {"total": 3, "succeeded": 1, "failed": 0, "details": {"failed_item_ids": []}}
    emulator.advance(3_600)
    assert states(monday, items) == ["archived", "active", "active"]


@pytest.mark.parametrize(("kind", "reported"), [(FaultKind.JOB_FAILED, "FAILED"), (FaultKind.JOB_STUCK, "PENDING")])
def test_a_job_that_goes_wrong(emulator: Emulator, monday: Monday, kind: FaultKind, reported: str) -> None:
    items = made(monday, 3)
    emulator.configure(faults=[Fault(kind=kind, operation="bulk_archive_items", rows=2)])
    job = start(monday, items)
    if reported == "FAILED":
        report = ended(monday, job)
        assert report["error"]
        assert report["result"]["succeeded"] == 2
    assert status(monday, job)["status"] == reported
    assert states(monday, items).count("archived") == (2 if reported == "FAILED" else 0)


def test_the_same_key_starts_one_job(emulator: Emulator, monday: Monday) -> None:
    variables = {"b": 101, "i": made(monday, 2)}
    emulator.configure(faults=[Fault(kind=FaultKind.RESET_AFTER, operation="bulk_archive_items", nth=1)])
    with pytest.raises(Exception, match=r"disconnected|reset"):
        monday.post(START % "archive", variables, key="k")
    answer = monday.post(START % "archive", variables, key="k")
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert len(emulator.effects(kind="removal_started")) == 1
    assert ended(monday, answer.json()["data"]["job"]["job_id"])["result"]["succeeded"] == 2


def test_a_job_cut_short_by_a_kill_has_failed(tmp_path: Path) -> None:
    settings = EmulatorSettings(boards=(PLANNING,), state_file=tmp_path / "state.jsonl", timeout_s=0)
    with start_emulator(settings) as emulator, Monday(emulator.url) as monday:
        items = made(monday, 2)
        whole = start(monday, items[:1])
        ended(monday, whole)
        emulator.configure(bulk_start_ms=MINUTE_MS)
        cut = start(monday, items[1:])
        emulator.restart()
        assert (status(monday, cut)["status"], status(monday, cut)["result"]["succeeded"]) == ("FAILED", 0)
        assert status(monday, whole)["status"] == "COMPLETED"
        assert undo(monday, whole)
        until(lambda: states(monday, items) == ["active", "active"], "the item back")


def test_a_job_holds_its_board(emulator: Emulator, monday: Monday) -> None:
    items = made(monday, 1)
    emulator.configure(lock_boards=True, bulk_row_ms=MINUTE_MS)
    job = start(monday, items)
    until(lambda: status(monday, job)["status"] == "RUNNING", "the job's beginning")
    assert monday.post('mutation { create_item(board_id: 101, item_name: "One") { id } }').status_code == 423
    asleep(emulator, 1)
    emulator.advance(60)
    ended(monday, job)
    assert monday.post('mutation { create_item(board_id: 101, item_name: "One") { id } }').status_code == 200
