"""Bulk imports: the job, its file, its rows on the board, its report."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator, EmulatorSettings, Fault, FaultKind, start_emulator
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep
from order_sync_tests.waiting import until

START = """mutation ($b: ID!, $g: ID!, $m: OnMatchInput) {
    ingest_items(board_id: $b, group_id: $g, on_match: $m) { job_id upload_url } }"""
STATUS = """query ($j: ID!) { fetch_job_status(job_id: $j) { ... on ItemsJobStatus {
    status counts { submitted invalid skipped created updated failed } progress_percentage
    failure_reason failure_message fully_imported report_created report_url } } }"""
TWO_ROWS = "name,uuid\nOne,u1\nTwo,u2\n"


@dataclass
class Job:
    id: str
    url: str


class Bulk:
    def __init__(self, monday: Monday) -> None:
        self._monday = monday
        self._http = httpx.Client(trust_env=False)

    def close(self) -> None:
        self._http.close()

    def start(self, group: str = "topics", *, behaviour: str | None = None, column: str = "uuid") -> Job:
        match = {"match_column_id": column, "behaviour": behaviour} if behaviour else None
        started = self._monday.data(START, {"b": 101, "g": group, "m": match})["ingest_items"]
        return Job(started["job_id"], started["upload_url"])

    def put(self, job: Job, text: str | bytes, **headers: str) -> httpx.Response:
        body = text.encode() if isinstance(text, str) else text
        return self._http.put(job.url, content=body, headers={"Content-Type": "text/csv", **headers})

    def get(self, url: str) -> httpx.Response:
        return self._http.get(url)

    def status(self, job: Job) -> dict[str, Any]:
        status: dict[str, Any] = self._monday.data(STATUS, {"j": job.id})["fetch_job_status"]
        return status

    def ended(self, job: Job) -> dict[str, Any]:
        until(lambda: self.status(job)["status"] not in ("UPLOAD_PENDING", "PROCESSING"), "the job to end")
        return self.status(job)

    def run(self, text: str | bytes, **options: Any) -> dict[str, Any]:
        job = self.start(**options)
        assert self.put(job, text).status_code == 200
        return self.ended(job)

    def report(self, status: dict[str, Any]) -> list[dict[str, Any]]:
        """By position: a column of the board may be called `status` too."""
        answer = self._http.get(status["report_url"]).raise_for_status()
        header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
        assert header[:4] == ["serialNo", "status", "itemId", "error"]
        return [
            {**dict(zip(header[:4], line, strict=False)), "cells": dict(zip(header[4:], line[4:], strict=True))}
            for line in lines
        ]


@pytest.fixture
def bulk(monday: Monday) -> Iterator[Bulk]:
    bulk = Bulk(monday)
    yield bulk
    bulk.close()


def names(emulator: Emulator) -> list[str]:
    return [effect["name"] for effect in emulator.effects(kind="item_created")]


def counts(**some: int) -> dict[str, int]:
    return {"submitted": 0, "invalid": 0, "skipped": 0, "created": 0, "updated": 0, "failed": 0, **some}


def rows(count: int) -> str:
    return "name,uuid\n" + "".join(f"Row {n},u{n}\n" for n in range(count))


def test_a_file_becomes_items(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    group = monday.group("ACME & SONS")
    job = bulk.start(group)
    assert bulk.status(job) == {
        "status": "UPLOAD_PENDING",
        "counts": counts(),
        "progress_percentage": 0,
        "failure_reason": None,
        "failure_message": None,
        "fully_imported": False,
        "report_created": False,
        "report_url": None,
    }
    answer = bulk.put(job, TWO_ROWS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(TWO_ROWS.encode()).hexdigest()}"'  # noqa: S324 - what the store answers
    status = bulk.ended(job)
    assert status["status"] == "COMPLETED"
    assert status["counts"] == counts(submitted=2, created=2)
    assert (status["progress_percentage"], status["fully_imported"], status["report_created"]) == (100, True, True)
    assert [(e["name"], e["group_id"], e["values"]) for e in emulator.effects(kind="item_created")] == [
        ("One", group, {"uuid": "u1"}),
        ("Two", group, {"uuid": "u2"}),
    ]
    assert monday.found("u2") == ["Two"]
    ids = [str(effect["item_id"]) for effect in emulator.effects(kind="item_created")]
    report = bulk.get(status["report_url"])
    assert report.text == f"serialNo,status,itemId,error,uuid\r\n1,success,{ids[0]},,\r\n2,success,{ids[1]},,\r\n"


def test_every_kind_of_cell(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    text = (
        "name,uuid,note,qty,status,kind,eta,remark,link\r\n"
        '"Żółć, ""1""",u1, as is ,3.50,Done,"RECEIVED, ACTIVE",2026-11-23,"two\nlines",[Pack](https://e.com/a_(b))\r\n'
        "Two,,,-7,New,ACTIVE,,,http://e.com/\r\n"
        "Three,u3,   ,,,,,,\r\n"
    )
    assert bulk.run(text)["counts"] == counts(submitted=3, created=3)
    one, two, three = emulator.effects(kind="item_created")
    assert one["name"] == 'Żółć, "1"'
    cells = {key: cell["text"] for key, cell in monday.cells(str(one["item_id"])).items()}
    assert cells | {"link": ""} == {
        "uuid": "u1",
        "note": " as is ",
        "qty": "3.5",
        "status": "Done",
        "kind": "RECEIVED, ACTIVE",
        "eta": "2026-11-23",
        "remark": "two\nlines",
        "link": "",
        "paid": "",
        "subitems": "",
    }
    assert one["values"]["link"] == ["https://e.com/a_(b)", "Pack"]
    assert two["values"] == {"qty": "-7", "status": 0, "kind": [2], "link": ["http://e.com/", "http://e.com/"]}
    assert three["values"] == {"uuid": "u3"}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("qty", "1e5"),
        ("qty", "1_000"),
        ("qty", "NaN"),
        ("status", "done"),
        ("status", "0"),
        ("kind", '"ACTIVE,NEW"'),
        ("eta", "23.11.2026"),
        ("eta", "2026-02-30"),
        ("eta", "2026-11-23 08:00:00"),
        ("link", "ftp://e.com"),
        ("link", "[x](mailto:a@e.com)"),
        ("remark", "x" * 2_001),
        ("paid", "v"),
    ],
)
def test_an_invalid_row_is_reported_and_others_continue(emulator: Emulator, bulk: Bulk, column: str, cell: str) -> None:
    status = bulk.run(f"name,uuid,{column}\nBad,u1,{cell}\nGood,u2,\n")
    assert status["counts"] == counts(submitted=2, invalid=1, created=1)
    assert (status["status"], status["fully_imported"]) == ("COMPLETED", True)
    assert names(emulator) == ["Good"]
    assert emulator.effects(kind="label_created") == []
    bad, good = bulk.report(status)
    assert (bad["serialNo"], bad["status"], bad["itemId"]) == ("1", "validation_error", "")
    assert bad["cells"][column]
    assert bad["error"] == f"[{column}]: {bad['cells'][column]}"
    assert (good["serialNo"], good["status"], good["error"]) == ("2", "success", "")


def test_a_report_names_labels_in_mondays_words(bulk: Bulk) -> None:
    status = bulk.run("name,status\nOne,New\nTwo,X\n")
    line = bulk.get(status["report_url"]).text.splitlines()[2]
    message = 'Label ""X"" is invalid for column ""status""'
    assert line == f'2,validation_error,,"[status]: {message}","{message}"'


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
def test_an_invalid_name(emulator: Emulator, bulk: Bulk, name: str) -> None:
    assert bulk.run(f"name,uuid\n{name},u1\nTwo,u2\n")["counts"] == counts(submitted=2, invalid=1, created=1)
    assert names(emulator) == ["Two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uuid,name\nu1,One\n", "name"),
        ("\ufeffname,uuid\nOne,u1\n", "name"),
        ("name,no_such\nOne,1\n", "no_such"),
        ("name,size_qty.subitem\nOne,1\n", "Subitems"),
        ("name,subitems\nOne,1\n", "subitems"),
        ("name,uuid,uuid\nOne,1,2\n", "twice"),
        ("name,uuid\n", "no rows"),
        ("", "name"),
        ('name\n"One', "CSV"),
        (b"name\n\xff\n", "UTF-8"),
        (rows(10_001), "10000"),
    ],
)
def test_a_file_that_is_rejected(emulator: Emulator, bulk: Bulk, text: str | bytes, message: str) -> None:
    status = bulk.run(text)
    assert (status["status"], status["failure_reason"]) == ("REJECTED", "INVALID_UPLOAD")
    assert message in status["failure_message"]
    assert (status["fully_imported"], status["report_created"], status["report_url"]) == (False, False, None)
    assert status["counts"]["created"] == 0
    assert names(emulator) == []


def test_a_file_that_is_too_large(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(bulk_max_bytes=1_000)
    assert bulk.run(rows(500))["failure_reason"] == "FILE_TOO_LARGE"
    assert names(emulator) == []


def test_matches_are_skipped(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    monday.item("Elsewhere", group=monday.group("Other"), uuid="u1")
    deleted = monday.item("Deleted", uuid="u2")
    monday.data("mutation ($i: ID!) { delete_item(item_id: $i) { id } }", {"i": deleted})
    text = "name,uuid\nOne,u1\nTwo,u2\nThree,u3\nThree again,u3\nFour,\nFive,\n"
    status = bulk.run(text, behaviour="SKIP")
    assert status["counts"] == counts(submitted=6, skipped=2, created=4)
    assert status["fully_imported"] is True
    assert names(emulator)[2:] == ["Two", "Three again", "Four", "Five"]
    lines = [(line["serialNo"], line["status"], line["itemId"] != "") for line in bulk.report(status)]
    assert lines[:4] == [
        ("1", "skipped", False),
        ("2", "success", True),
        ("3", "skipped", False),
        ("4", "success", True),
    ]
    again = bulk.run(text, behaviour="SKIP")
    assert again["counts"] == counts(submitted=6, skipped=4, created=2)  # What has no value matches nothing.


def test_matches_are_updated_where_the_file_says_something(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    older = monday.item("Older", uuid="u1", note="keep", qty="1")
    newer = monday.item("Newer", uuid="u1", note="keep", qty="1")
    status = bulk.run("name,uuid,note,qty\nChanged,u1,,2\nNew,u2,x,\n", behaviour="UPSERT")
    assert status["counts"] == counts(submitted=2, created=1, updated=1)
    assert bulk.report(status)[0]["itemId"] == newer
    [change] = emulator.effects(kind="item_changed")
    assert (change["name"], change["values"]) == ("Changed", {"uuid": "u1", "qty": "2"})
    assert monday.cells(newer)["note"]["text"] == "keep"
    assert monday.cells(older)["qty"]["text"] == "1"


def test_names_and_labels_match_too(monday: Monday, bulk: Bulk) -> None:
    monday.item("One", status={"label": "Done"})
    text = "name,status\nOne,New\nTwo,Done\n"
    assert bulk.run(text, behaviour="SKIP", column="name")["counts"]["skipped"] == 1
    # The board holds One and Two, which are both Done.
    assert bulk.run(text, behaviour="SKIP", column="status")["counts"] == counts(submitted=2, created=1, skipped=1)
    assert bulk.run("name\nOne\n", behaviour="SKIP", column="status")["failure_reason"] == "INVALID_UPLOAD"


def test_what_cannot_be_started(monday: Monday, bulk: Bulk) -> None:
    def code(board: int, group: str, match: dict[str, str] | None = None) -> str:
        return monday.code(START, {"b": board, "g": group, "m": match})

    assert code(999, "topics") == code(102, "topics") == "InvalidBoardIdException"
    assert code(101, "no_such") == "ResourceNotFoundException"
    match = {"match_column_id": "no_such", "behaviour": "SKIP"}
    assert code(101, "topics", match) == "InvalidColumnIdException"
    answer = monday.post(STATUS, {"j": "no_such"}).json()
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "ResourceNotFoundException"


def test_only_the_given_upload_url_works_and_without_token(emulator: Emulator, bulk: Bulk) -> None:
    job = bulk.start()
    assert bulk.put(Job(job.id, job.url + "x"), TWO_ROWS).status_code == 403
    assert bulk.put(job, TWO_ROWS, **{"Content-Type": "application/json"}).status_code == 403
    assert bulk.status(job)["status"] == "UPLOAD_PENDING"
    assert bulk.put(job, TWO_ROWS).status_code == 200


def test_urls_die_after_ten_minutes(emulator: Emulator, bulk: Bulk) -> None:
    late, done = bulk.start(), bulk.run(TWO_ROWS)
    assert bulk.get(done["report_url"]).status_code == 200
    assert bulk.get(done["report_url"] + "0").status_code == 403
    emulator.advance(601)
    for answer in (bulk.put(late, TWO_ROWS), bulk.get(done["report_url"])):
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("application/xml")
        message = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        assert message in answer.text
    assert bulk.status(late)["status"] == "UPLOAD_PENDING"
    assert names(emulator) == ["One", "Two"]


def test_a_new_status_makes_a_new_report_url(emulator: Emulator, bulk: Bulk) -> None:
    job = bulk.start()
    bulk.put(job, TWO_ROWS)
    first = bulk.ended(job)["report_url"]
    emulator.advance(601)
    second = bulk.status(job)["report_url"]
    assert [bulk.get(url).status_code for url in (first, second)] == [403, 200]


def test_the_last_file_counts_until_the_job_begins(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(bulk_start_ms=MINUTE_MS)
    job = bulk.start()
    bulk.put(job, "name\nFirst\n")
    assert bulk.status(job)["status"] == "UPLOAD_PENDING"
    bulk.put(job, "name\nSecond\n")
    asleep(emulator, 1)
    emulator.advance(61)
    bulk.ended(job)
    assert bulk.put(job, "name\nThird\n").status_code == 200
    emulator.advance(61)
    assert names(emulator) == ["Second"]
    assert bulk.status(job)["status"] == "COMPLETED"
    assert len(emulator.effects(kind="job_uploaded")) == 2


def test_rows_come_one_after_another(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(bulk_row_ms=MINUTE_MS)
    job = bulk.start()
    bulk.put(job, rows(5))
    for number in range(5):
        until(lambda number=number: len(names(emulator)) == number, f"row {number}")  # type: ignore[misc]
        asleep(emulator, 1)
        status = bulk.status(job)
        assert (status["counts"]["created"], status["progress_percentage"]) == (number, 20 * number)
        assert (status["status"], status["fully_imported"], status["report_created"]) == ("PROCESSING", False, False)
        emulator.advance(60)
    assert bulk.ended(job)["counts"]["created"] == 5
    times = [effect["at"] for effect in emulator.effects(kind="item_created")]
    assert all(later - earlier >= 60 for earlier, later in pairwise(times))


def test_rows_are_found_as_late_as_others(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    emulator.configure(lookup_lag_s=60)
    bulk.run(TWO_ROWS)
    assert monday.found("u1") == []
    emulator.advance(60)
    assert monday.found("u1") == ["One"]


def test_the_same_key_starts_one_job(emulator: Emulator, monday: Monday) -> None:
    variables = {"b": 101, "g": "topics"}
    first, second = (monday.post(START, variables, key="k") for _ in range(2))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.content == first.content
    assert len(emulator.effects(kind="job_started")) == 1


def test_a_job_holds_its_board(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    emulator.configure(lock_boards=True, bulk_row_ms=MINUTE_MS)
    one_item = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'
    job = bulk.start()
    assert monday.post(one_item).status_code == 200
    bulk.put(job, rows(2))
    asleep(emulator, 1)
    assert bulk.status(job)["status"] == "PROCESSING"
    assert monday.post(one_item).status_code == 423
    assert monday.post(START, {"b": 101, "g": "topics"}).status_code == 423
    emulator.configure(bulk_row_ms=0)
    emulator.advance(60)
    bulk.ended(job)
    assert monday.post(one_item).status_code == 200
    waiting = bulk.start()
    emulator.configure(latency_ms=MINUTE_MS, timeout_s=0)
    with_lock = threading.Thread(target=monday.post, args=(one_item,))
    with_lock.start()
    asleep(emulator, 1)
    emulator.configure(latency_ms=0)
    bulk.put(waiting, TWO_ROWS)
    assert bulk.status(waiting)["status"] == "UPLOAD_PENDING"
    emulator.advance(60)
    with_lock.join()
    assert bulk.ended(waiting)["counts"]["created"] == 2


def test_a_group_deleted_midjob_fails_the_remaining_rows(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    group = monday.group("Doomed")
    emulator.configure(bulk_row_ms=MINUTE_MS)
    job = bulk.start(group)
    bulk.put(job, rows(3))
    asleep(emulator, 1)
    emulator.advance(60)
    until(lambda: bulk.status(job)["counts"]["created"] == 1, "the first row")
    monday.data("mutation ($g: String!) { archive_group(board_id: 101, group_id: $g) { id } }", {"g": group})
    emulator.configure(bulk_row_ms=0)
    emulator.advance(60)
    status = bulk.ended(job)
    assert (status["status"], status["fully_imported"]) == ("COMPLETED", False)
    assert (status["counts"]["created"], status["counts"]["failed"]) == (1, 2)
    last = bulk.report(status)[-1]
    assert (last["status"], last["itemId"], last["error"]) == ("failed", "", "Group not found")


def test_files_are_logged_but_are_no_calls(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(enforce_limits=True, limits={"minute_calls": 1_000})
    status = bulk.run(TWO_ROWS)
    bulk.report(status)
    records = emulator.requests()
    files = [record for record in records if record["kind"] in ("upload", "report")]
    assert [(r["kind"], r["operations"], r["status"]) for r in files] == [
        ("upload", ["upload"], 200),
        ("report", ["report"], 200),
    ]
    assert files[0]["body_bytes"] == len(TWO_ROWS)
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))
    stats = emulator.stats()
    assert (stats["uploads"], stats["reports"], stats["calls"]) == (1, 1, len(records) - 2)
    assert stats["items_created"] == 2


def test_a_start_costs_as_a_mutation_does(emulator: Emulator, monday: Monday) -> None:
    query = 'mutation { ingest_items(board_id: 101, group_id: "topics") { job_id } complexity { query } }'
    assert monday.data(query)["complexity"]["query"] == 10_000
    emulator.configure(costs={"operations": {"ingest_items": 7}})
    assert monday.data(query)["complexity"]["query"] == 7


def test_jobs_outlive_a_kill(tmp_path: Path) -> None:
    settings = EmulatorSettings(boards=(PLANNING,), state_file=tmp_path / "state.jsonl")
    with start_emulator(settings) as emulator, Monday(emulator.url) as monday:
        bulk = Bulk(monday)
        done, pending, running = bulk.start(), bulk.start(), bulk.start()
        bulk.put(done, TWO_ROWS)
        before = bulk.ended(done)
        emulator.configure(bulk_row_ms=MINUTE_MS)
        bulk.put(running, rows(3))
        asleep(emulator, 1)
        emulator.advance(60)
        until(lambda: bulk.status(running)["counts"]["created"] == 1, "the first row")
        emulator.restart()
        after = bulk.status(done)
        assert after | {"report_url": None} == before | {"report_url": None}
        assert len(bulk.report(after)) == 2
        broken = bulk.status(running)
        assert (broken["status"], broken["failure_reason"]) == ("FAILED", "INTERNAL_ERROR")
        assert (broken["failure_message"], broken["report_created"], broken["fully_imported"]) == (None, False, False)
        assert set(broken["counts"].values()) == {None}
        assert len(names(emulator)) == 3
        assert bulk.put(pending, "name\nLate\n").status_code == 200
        assert bulk.ended(pending)["counts"]["created"] == 1
        emulator.restart()
        assert bulk.status(running) == broken
        bulk.close()


def test_a_reset_ends_jobs(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    emulator.configure(bulk_row_ms=MINUTE_MS)
    job = bulk.start()
    bulk.put(job, rows(2))
    asleep(emulator, 1)
    emulator.reset()
    assert monday.code(STATUS, {"j": job.id}) == "ResourceNotFoundException"
    emulator.advance(600)
    assert names(emulator) == []


# Faults.


@pytest.mark.parametrize("operation", ["ingest_items", "upload"])
@pytest.mark.parametrize(
    ("kind", "rows_", "status", "created"),
    [
        ("job_failed", 0, "FAILED", 0),
        ("job_failed", 7, "FAILED", 7),
        ("job_rejected", 0, "REJECTED", 0),
    ],
)
def test_a_job_that_fails(
    emulator: Emulator, bulk: Bulk, operation: str, kind: str, rows_: int, status: str, created: int
) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind(kind), operation=operation, rows=rows_, nth=1)])
    ended = bulk.run(rows(20))
    assert (ended["status"], ended["failure_reason"], ended["failure_message"]) == (status, "INTERNAL_ERROR", None)
    assert (ended["report_created"], ended["report_url"], ended["fully_imported"]) == (False, None, False)
    assert ended["counts"]["created"] == len(names(emulator)) == created
    assert bulk.run(TWO_ROWS)["status"] == "COMPLETED"


def test_a_report_that_is_missing(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.REPORT_MISSING, operation="ingest_items")])
    status = bulk.run(TWO_ROWS)
    assert (status["status"], status["fully_imported"]) == ("COMPLETED", True)
    assert (status["report_created"], status["report_url"]) == (False, None)


def test_a_job_that_is_stuck(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(faults=[Fault(kind=FaultKind.JOB_STUCK, operation="upload", nth=1)])
    job = bulk.start()
    assert bulk.put(job, TWO_ROWS).status_code == 200
    emulator.advance(300)
    assert bulk.status(job)["status"] == "UPLOAD_PENDING"
    assert bulk.put(job, TWO_ROWS).status_code == 200
    assert bulk.ended(job)["status"] == "COMPLETED"
    emulator.configure(faults=[Fault(kind=FaultKind.JOB_STUCK, operation="ingest_items", nth=1)])
    job = bulk.start()
    for _ in range(2):
        bulk.put(job, TWO_ROWS)
    emulator.advance(300)
    assert bulk.status(job)["status"] == "UPLOAD_PENDING"


@pytest.mark.parametrize(
    ("fault", "status", "uploaded"),
    [
        ({"kind": "reset_before"}, 0, False),
        ({"kind": "reset_after"}, 0, True),
        ({"kind": "timeout_before", "delay_ms": 50}, 0, False),
        ({"kind": "timeout_after", "delay_ms": 50}, 0, True),
        ({"kind": "http_500"}, 500, False),
        ({"kind": "http_500", "after": True}, 500, True),
        ({"kind": "http_503_empty"}, 503, False),
        ({"kind": "http_504_after"}, 504, True),
        ({"kind": "slow", "delay_ms": 50}, 200, True),
    ],
)
def test_an_upload_that_goes_wrong(
    emulator: Emulator, bulk: Bulk, fault: dict[str, Any], status: int, uploaded: bool
) -> None:
    emulator.configure(faults=[Fault(operation="upload", nth=1, **fault)])
    job = bulk.start()
    if status == 0:
        with pytest.raises(httpx.TransportError):
            bulk.put(job, TWO_ROWS)
    else:
        assert bulk.put(job, TWO_ROWS).status_code == status
    record = emulator.requests()[-1]
    assert (record["kind"], record["status"], record["faults"]) == ("upload", status, [fault["kind"]])
    assert len(emulator.effects(kind="job_uploaded")) == uploaded
    assert bulk.put(job, TWO_ROWS).status_code == 200
    assert bulk.ended(job)["counts"]["created"] == 2
    assert names(emulator) == ["One", "Two"]


def test_a_report_that_goes_wrong(emulator: Emulator, bulk: Bulk) -> None:
    url = bulk.run(TWO_ROWS)["report_url"]
    rules = [Fault(kind=FaultKind(kind), operation="report", times=1) for kind in ("reset_before", "http_503_empty")]
    emulator.configure(faults=[*rules, Fault(kind=FaultKind.GARBAGE, operation="report", times=1)])
    with pytest.raises(httpx.TransportError):
        bulk.get(url)
    assert bulk.get(url).status_code == 503
    garbage, whole = bulk.get(url), bulk.get(url)
    assert (garbage.status_code, whole.status_code) == (200, 200)
    assert len(whole.text.splitlines()) == 3
    assert not whole.text.startswith(garbage.text)


def test_other_faults_leave_files_alone(emulator: Emulator, bulk: Bulk) -> None:
    job = bulk.start()
    emulator.configure(faults=[Fault(kind=FaultKind.HTTP_500, times=1)])
    assert bulk.put(job, TWO_ROWS).status_code == 200
    emulator.configure(faults=[])
    assert bulk.ended(job)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "idempotency_409", "operation": "upload"},
        {"kind": "job_failed", "operation": "report"},
        {"kind": "garbage", "operation": "upload"},
        {"kind": "job_stuck", "operation": "any"},
        {"kind": "report_missing", "operation": "create_item"},
        {"kind": "report_missing", "operation": "bulk_archive_items"},
    ],
)
def test_faults_that_cannot_be(fault: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"does not apply to|needs one of the operations"):
        Fault.model_validate(fault)


# Budgets.


def test_jobs_an_hour(emulator: Emulator, monday: Monday) -> None:
    variables = {"b": 101, "g": "topics"}
    emulator.configure(limits={"bulk_jobs_per_hour": 2})
    assert [monday.post(START, variables).status_code for _ in range(3)] == [200] * 3
    emulator.configure(enforce_limits=True)
    assert [monday.post(START, variables).status_code for _ in range(2)] == [200] * 2
    answer = monday.post(START, variables)
    assert answer.status_code == 429
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions["code"] == "RATE_LIMIT_EXCEEDED"
    assert 3_500_000 < extensions["retryAfterMs"] <= 3_600_000
    assert monday.item("Others go on")
    emulator.advance(3_600)
    assert monday.post(START, variables).status_code == 200


def test_rows_an_hour(emulator: Emulator, bulk: Bulk) -> None:
    emulator.configure(enforce_limits=True, limits={"bulk_rows_per_hour": 25})
    text = rows(18) + "Twice,u1\n,u2\n"
    # Two of the twenty are not written: they are there for the next job.
    assert bulk.run(text, behaviour="SKIP")["counts"] == counts(submitted=20, created=18, skipped=1, invalid=1)
    status = bulk.run(rows(8))
    assert (status["status"], status["failure_reason"]) == ("REJECTED", "ACCOUNT_CAPACITY_EXCEEDED")
    assert status["failure_message"]
    assert bulk.run(rows(7))["counts"]["created"] == 7
    assert bulk.run(rows(1))["failure_reason"] == "ACCOUNT_CAPACITY_EXCEEDED"
    emulator.configure(enforce_limits=False)
    assert bulk.run(rows(1))["status"] == "COMPLETED"
    assert len(names(emulator)) == 18 + 7 + 1


def test_a_board_has_room_or_the_file_is_rejected(emulator: Emulator, monday: Monday, bulk: Bulk) -> None:
    emulator.configure(items_limit=3)
    monday.item("One", uuid="u0")
    status = bulk.run(rows(3))
    assert (status["status"], status["failure_reason"]) == ("REJECTED", "BOARD_CAPACITY_EXCEEDED")
    assert bulk.run(rows(3), behaviour="SKIP")["counts"]["created"] == 2
    assert bulk.run(rows(3), behaviour="UPSERT")["counts"]["updated"] == 3
