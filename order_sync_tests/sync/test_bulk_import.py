"""Items imported as a job: each once, even if answers are lost, and only where a job can do it and is faster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import operations
from order_sync.monday.client import MondayClient
from order_sync.monday.pacing import Clock
from order_sync.monday.values import to_json
from order_sync.orders.errors import QuotaExhausted, Transient
from order_sync.sync import bulk_import
from order_sync.sync.bulk_import import JOBS_AN_HOUR, ROWS_A_JOB, ROWS_AN_HOUR, BulkImport
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow
from order_sync.sync.writer import BoardWriter
from order_sync_tests.emulator.monday import MINUTE_MS, asleep
from order_sync_tests.sync.stage import SHARED, Crash, QuickClock, Stage, with_variable
from order_sync_tests.waiting import until

LABELS = {"order_type": {"PRODUCTION": 0, "SAMPLE": 1}, "season": {"SS27": 1, "A, B": 2, "2027": 3, "SS28 ": 4}}
SMALLEST = 5
JOB_LOOKS = 4  # of runs at a job that stands still, before its rows are made by request


@contextmanager
def importer(stage: Stage, run_id: str = "run-1", *, row_seconds: float = 10.0, **how: Any) -> Iterator[BoardWriter]:
    """A writer for whom requests take for ever, so that jobs are the better way."""
    with stage.writer(run_id=run_id, bulk_rows=SMALLEST, labels=LABELS, **how) as writer:
        writer._client.pacer._row_seconds[Operation.ITEMS] = row_seconds
        yield writer


def create(stage: Stage, rows: list[NewRow], **how: Any) -> Outcome:
    with importer(stage, **how) as writer:
        return writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])


def recover(stage: Stage, rows: list[NewRow]) -> None:
    """The next run: it resolves what is in doubt, and creates what has no item yet."""
    with importer(stage, "run-2") as writer:
        assert writer.recover() == 1
        table = stage.site.tables.header_queue
        known = {row["delta_uuid"] for row in stage.site.rows(table) if row["monday_item_id"] is not None}
        left = [row for row in rows if row.key not in known]
        if left:
            writer.write(Operation.ITEMS, left, SHARED[Operation.ITEMS])


def end_of_doubt(stage: Stage, rows: list[NewRow]) -> None:
    """Where a job's end cannot be learnt its rows wait; hours later it is over, and they are made by request."""
    for entry in stage.journal().in_doubt():
        assert stage.items() == {}
        stage.site.age_entry(entry.idempotency_key, opened=timedelta(hours=3))
        stage.faults()
        for _ in range(JOB_LOOKS):
            if stage.journal().in_doubt():
                recover(stage, rows)


def sent(stage: Stage, operation: str) -> list[dict[str, Any]]:
    return [request for request in stage.emulator.requests() if operation in request["operations"]]


def with_values(row: NewRow, **values: Any) -> NewRow:
    return with_variable(row, values=to_json({**json.loads(row.variables["values"]), **values}))


# ---- the way a row takes ------------------------------------------------------------------------------------


def test_many_new_items_of_a_group_are_one_file(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 30)
    outcome = create(stage, rows)
    assert outcome.created.keys() == {row.key for row in rows}
    stage.check_once(Operation.ITEMS, rows)
    counted = [len(sent(stage, name)) for name in ("ingest_items", "upload", "report", "create_item")]
    assert counted == [1, 1, 1, 0]


def test_a_small_group_is_not_worth_a_job(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, SMALLEST - 1)
    create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sent(stage, "ingest_items") == []


def test_what_people_write_arrives_unharmed(stage: Stage) -> None:
    names = ['12" rack, "large"', "O'Hara & Söhne", "two\nlines", "{curly} ${x} \\", "🌅 emoji", "a;b\tc,d"]
    rows = [
        with_values(with_variable(row, name=name), style={"text": name}, customer=name, colour=",")
        for row, name in zip(stage.wanted(Operation.ITEMS, len(names)), names, strict=True)
    ]
    create(stage, rows)
    assert len(sent(stage, "ingest_items")) == 1
    items = {stage.queue_key(item): item for item in stage.board()["items"]}
    for row, name in zip(rows, names, strict=True):
        item = items[row.key]
        assert (item["name"], item["columns"]["customer"], item["columns"]["style"]) == (name, name, name)
        assert item["columns"]["colour"] == ","


VALUES: list[tuple[dict[str, Any], bool]] = [
    ({"order_type": {"label": "SAMPLE"}}, True),
    ({"season": {"labels": ["SS27"]}}, True),
    ({"eta": {"date": "2027-02-28"}}, True),
    ({"total_qty": "42.5"}, True),
    ({"order_type": {"label": "NEW ONE"}}, False),  # a job makes no labels
    ({"season": {"labels": ["A, B"]}}, False),  # the file would say two
    ({"season": {"labels": ["SS28 "]}}, False),  # a cell is read without the blanks around it
    ({"season": {"ids": [3]}}, False),  # the file has no ids
    ({"order_type": {"index": 1}}, False),
    ({"page": {"url": "https://a.example/b", "text": "https://a.example/b"}}, True),
    ({"page": {"url": "https://a.example/b", "text": "B"}}, False),
    ({"page": {"url": "ftp://a.example/b", "text": "ftp://a.example/b"}}, False),
    ({"paid": {"checked": "true"}}, False),  # monday imports no checkboxes
]


@pytest.mark.parametrize(("values", "in_a_file"), VALUES, ids=[str(values) for values, _ in VALUES])
def test_only_what_a_file_can_say_is_imported(stage: Stage, values: dict[str, Any], in_a_file: bool) -> None:
    rows = [NewRow(key=f"k{n}", variables={"group": "topics", "name": "N", "values": "{}"}) for n in range(SMALLEST)]
    rows.append(with_values(rows[0], **values))
    with importer(stage) as writer:
        [job] = writer._bulk.jobs(rows, writers=1)
    assert (rows[-1] in job) is in_a_file


def test_a_row_that_a_file_cannot_say_goes_by_request(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    rows[4] = with_values(rows[4], season={"labels": ["AW31"]})
    with importer(stage) as writer:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS] | {"labels": True})
    stage.check_once(Operation.ITEMS, rows)
    assert [request["aliases"] - 1 for request in sent(stage, "create_item")] == [1]


def test_a_row_refused_by_the_job_quotes_monday(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    rows[7] = with_values(rows[7], total_qty="a dozen")
    outcome = create(stage, rows)
    assert list(outcome.rejected) == [rows[7].key]
    assert "total_qty" in str(outcome.rejected[rows[7].key])
    stage.check_once(Operation.ITEMS, [row for row in rows if row.key != rows[7].key])


def test_each_group_is_a_job_of_its_own(stage: Stage) -> None:
    with stage.writer() as writer:
        group = writer.write(
            Operation.GROUPS, [NewRow(key="Other", variables={"name": "Other"})], SHARED[Operation.GROUPS]
        ).created["Other"]
    rows = [
        with_variable(row, group=group if n % 2 else "topics")
        for n, row in enumerate(stage.wanted(Operation.ITEMS, 20))
    ]
    outcome = create(stage, rows)
    assert outcome.created.keys() == {row.key for row in rows}
    assert len(sent(stage, "ingest_items")) == 2
    assert sent(stage, "create_item") == []
    there = {stage.queue_key(item): item["group_id"] for item in stage.board()["items"]}
    assert there == {row.key: row.variables["group"] for row in rows}


def rows_of(groups: dict[str, int]) -> list[NewRow]:
    return [
        NewRow(key=f"{group}-{n}", variables={"group": group, "name": "N", "values": "{}"})
        for group, count in groups.items()
        for n in range(count)
    ]


def chosen(stage: Stage, groups: dict[str, int], **how: Any) -> list[int]:
    """The sizes of the jobs."""
    with importer(stage, **how) as writer:
        return [len(job) for job in writer._bulk.jobs(rows_of(groups), writers=1)]


def test_a_job_is_chosen_where_it_is_faster(stage: Stage) -> None:
    assert chosen(stage, {"a": 100}, row_seconds=0.5) == [100]
    assert chosen(stage, {"a": 100}, row_seconds=0.001) == []


def test_a_job_is_chosen_where_the_budget_makes_requests_slow(stage: Stage) -> None:
    """30,000 a create and 10 million a minute: 1,000 items take three minutes, however quick a request is."""
    with importer(stage, row_seconds=0.001) as writer:
        writer._client.check_version()
        assert len(writer._bulk.jobs(rows_of({"a": 300}), writers=1)) == 0
        assert len(writer._bulk.jobs(rows_of({"a": 1_000}), writers=1)) == 1


def test_mondays_limits_of_jobs_and_rows(stage: Stage) -> None:
    assert chosen(stage, {"a": ROWS_A_JOB + 7}) == [ROWS_A_JOB]
    assert chosen(stage, {"a": ROWS_A_JOB, "b": ROWS_A_JOB, "c": 50}) == [ROWS_A_JOB, ROWS_AN_HOUR - ROWS_A_JOB]
    assert len(chosen(stage, {f"g{n}": 6 for n in range(JOBS_AN_HOUR + 5)})) == JOBS_AN_HOUR


def test_all_jobs_of_the_last_hour_count(stage: Stage) -> None:
    with importer(stage) as writer:
        old, new = (
            Entry(idempotency_key=name, operation=Operation.IMPORT, keys=("k",) * (ROWS_AN_HOUR - 20), body="{}")
            for name in ("old", "new")
        )
        for entry in (old, new):
            writer._journal.open(entry)
            writer._journal.close(entry)
    stage.site.change(
        stage.site.tables.journal, {"opened_at": stage.site.now() - timedelta(hours=2)}, idempotency_key="old"
    )
    assert chosen(stage, {"a": 30}) == [20]


# ---- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.RATE_LIMIT_MINUTE, operation="ingest_items", retry_in_seconds=3_000),
        Fault(kind=FaultKind.CONCURRENCY_429, operation="ingest_items"),
        Fault(kind=FaultKind.RESET_BEFORE, operation="ingest_items"),
        Fault(kind=FaultKind.RESET_AFTER, operation="ingest_items"),
        Fault(kind=FaultKind.GARBAGE, operation="ingest_items", after=True),
        Fault(kind=FaultKind.HTTP_503_EMPTY, operation="ingest_items"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_job_that_cannot_be_started_costs_nothing_but_time(stage: Stage, fault: Fault) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(fault)
    create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert len(sent(stage, "ingest_items")) in (1, 3)
    assert max(stage.clock.sleeps, default=0) < 60


def test_an_account_without_bulk_import_gets_its_items_by_request(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    with mock.patch.object(
        operations, "INGEST_ITEMS", operations.INGEST_ITEMS.replace("ingest_items", "no_such_thing")
    ):
        create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


def test_a_spent_quota_leaves_no_import_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT, operation="ingest_items"))
    with pytest.raises(QuotaExhausted):
        create(stage, rows)
    assert stage.journal().in_doubt() == []


@pytest.mark.parametrize("operation", ["upload", "report", "fetch_job_status"])
@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (FaultKind.RESET_BEFORE, False),
        (FaultKind.RESET_AFTER, False),
        (FaultKind.HTTP_500, False),
        (FaultKind.HTTP_500, True),
        (FaultKind.HTTP_504_AFTER, False),
    ],
)
@pytest.mark.parametrize("times", [1, 99])
def test_files_and_polls_that_go_astray(stage: Stage, operation: str, kind: FaultKind, after: bool, times: int) -> None:
    if operation == "fetch_job_status" and times > 1:
        times = 3
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(Fault(kind=kind, operation=operation, after=after, times=times), clock_speed=100)
    create(stage, rows)
    end_of_doubt(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.JOB_FAILED, operation="upload", rows=5),
        Fault(kind=FaultKind.JOB_FAILED, operation="upload", rows=0),
        Fault(kind=FaultKind.JOB_REJECTED, operation="upload"),
        Fault(kind=FaultKind.JOB_STUCK, operation="upload"),
        Fault(kind=FaultKind.REPORT_MISSING, operation="upload"),
        Fault(kind=FaultKind.GARBAGE, operation="report"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.rows}",
)
@pytest.mark.parametrize("lag", [0.0, 20.0])
def test_jobs_that_end_badly(stage: Stage, fault: Fault, lag: float) -> None:
    """Also where the search shows late what a job made: it is waited for before anything is recreated."""
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(fault, lookup_lag_s=lag, clock_speed=100)
    outcome = create(stage, rows, settle=65, clock=Clock(100))
    assert bool(outcome.waiting) is (fault.kind is FaultKind.JOB_STUCK)
    end_of_doubt(stage, rows)
    stage.emulator.configure(lookup_lag_s=0)
    stage.check_once(Operation.ITEMS, rows)


def test_more_than_the_hour_allows_is_created_by_request(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.emulator.configure(enforce_limits=True, limits={"bulk_rows_per_hour": 10})
    create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


def test_a_stalled_job_is_left_to_the_next_run(stage: Stage) -> None:
    rows, others = stage.wanted(Operation.ITEMS, 6), stage.wanted(Operation.ITEMS, 3)
    stage.emulator.configure(bulk_row_ms=500)
    others = [with_values(row, season={"labels": ["AW31"]}) for row in others]
    labels = SHARED[Operation.ITEMS] | {"labels": True}
    with mock.patch.object(bulk_import, "STALLED_SECONDS", 60), importer(stage) as writer:
        outcome = writer.write(Operation.ITEMS, [*rows, *others], labels)
    assert outcome.created.keys() == {row.key for row in others}
    assert outcome.waiting.keys() == {row.key for row in rows}
    assert len(stage.journal().in_doubt()) == 1
    recover(stage, rows)
    stage.check_once(Operation.ITEMS, [*rows, *others])
    assert len(sent(stage, "create_item")) == 1


def test_a_file_refused_each_time_causes_no_wait(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    refused = Transient("PUT of a file: HTTP 403", code="file", no_effect=True)
    with mock.patch.object(MondayClient, "upload", side_effect=refused):
        create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sum(stage.clock.sleeps) < 120


def test_a_short_refusal_of_the_start_is_waited_out(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(Fault(kind=FaultKind.CONCURRENCY_429, operation="ingest_items", times=2, retry_in_seconds=1))
    create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sent(stage, "create_item") == []


def test_carriage_returns_shift_nothing(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 8)
    rows[2] = with_variable(rows[2], name="order 2\rsecond line")
    rows[4] = with_values(rows[4], customer="a\rb\r\nc")
    create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sent(stage, "create_item") == []


@pytest.mark.parametrize("tamper", ["shifted", "short", "doubled"])
def test_a_report_that_does_not_fit_is_not_believed(stage: Stage, tamper: str) -> None:
    rows = stage.wanted(Operation.ITEMS, 8)
    download = MondayClient.download

    def tampered(self: MondayClient, url: str) -> str:
        head, *lines = download(self, url).splitlines()
        if tamper == "shifted":
            ids = [line.split(",")[2] for line in lines]
            lines = [f"{n},success,{item}," for n, item in enumerate([ids[-1], *ids[:-1]], start=1)]
        elif tamper == "short":
            lines = lines[:-1]
        else:
            lines.append(lines[0].replace("1,", "9,", 1))
        return "\n".join([head, *lines])

    with mock.patch.object(MondayClient, "download", tampered):
        create(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.parametrize("answer", [None, {}, {"status": None}, {"other": 1}])
def test_an_answer_of_another_shape_leaves_the_job_in_doubt(stage: Stage, answer: Any) -> None:
    rows = stage.wanted(Operation.ITEMS, 8)
    query = MondayClient.query

    def other(self: MondayClient, text: str, variables: Any = None) -> dict[str, Any]:
        return {"fetch_job_status": answer} if text == operations.JOB_STATUS else query(self, text, variables)

    with mock.patch.object(MondayClient, "query", other):
        outcome = create(stage, rows)
    assert outcome.waiting.keys() == {row.key for row in rows}
    recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


# ---- death --------------------------------------------------------------------------------------------------


def dies(owner: type, method: str, *, after: bool, when: Callable[..., bool] = lambda *_: True) -> Any:
    real = getattr(owner, method)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not when(*args):
            return real(self, *args, **kwargs)
        if after:
            real(self, *args, **kwargs)
        raise Crash

    return mock.patch.object(owner, method, call)


STEPS: dict[str, tuple[type, str]] = {
    "start": (MondayClient, "mutate"),
    "on record": (Journal, "amend"),
    "upload": (MondayClient, "upload"),
    "report": (MondayClient, "download"),
    "close": (Journal, "close"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=9), timedelta(minutes=16), timedelta(hours=5)])
def test_a_run_that_dies_is_continued(stage: Stage, step: str, after: bool, age: timedelta) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    owner, method = STEPS[step]
    with pytest.raises(Crash), dies(owner, method, after=after):
        create(stage, rows, run_id="run-0")
    entries = stage.journal().in_doubt()
    if step == "close" and after:
        assert entries == []
    else:
        stage.site.age_entry(entries[0].idempotency_key, opened=age)
        recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


def test_a_job_of_a_dead_run_is_awaited(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.emulator.configure(bulk_row_ms=MINUTE_MS)
    with pytest.raises(Crash), dies(MondayClient, "upload", after=True):
        create(stage, rows, run_id="run-0")
    asleep(stage.emulator, 1)
    stage.emulator.configure(bulk_row_ms=0)
    assert stage.items() == {}
    sleep = QuickClock.sleep

    def sleep_for_both(clock: QuickClock, seconds: float) -> None:
        stage.emulator.advance(60)
        sleep(clock, seconds)

    with mock.patch.object(QuickClock, "sleep", sleep_for_both):
        recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sent(stage, "create_item") == []


def test_a_job_that_monday_has_forgotten_is_looked_up(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    with pytest.raises(Crash), dies(Journal, "close", after=False):
        create(stage, rows, run_id="run-0")
    entry = stage.journal().in_doubt()[0]
    body = json.loads(entry.body)
    body["job"]["job_id"] = "00000000-0000-0000-0000-000000000000"
    stage.site.change(stage.site.tables.journal, {"body": json.dumps(body)}, idempotency_key=entry.idempotency_key)
    recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)
    assert sent(stage, "create_item") == []


def test_a_quota_that_ends_leaves_the_job_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT, operation="fetch_job_status"))
    with pytest.raises(QuotaExhausted):
        create(stage, rows)
    assert len(stage.journal().in_doubt()) == 1
    stage.faults()
    recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


def test_without_the_look_up_rows_are_made_twice(stage: Stage) -> None:
    """The tests above can see what it is for."""
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.faults(Fault(kind=FaultKind.JOB_FAILED, operation="upload", rows=5))
    with mock.patch.object(BulkImport, "_look_up", return_value=None):
        create(stage, rows)
    assert sum(len(ids) for ids in stage.items().values()) == 12 + 5


def test_without_the_journal_rows_are_made_twice(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 12)
    stage.emulator.configure(bulk_row_ms=MINUTE_MS)
    with pytest.raises(Crash), dies(MondayClient, "upload", after=True):
        create(stage, rows, run_id="run-0")
    asleep(stage.emulator, 1)
    stage.emulator.configure(bulk_row_ms=0)
    with stage.writer(run_id="run-2") as writer:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert sum(len(ids) for ids in stage.items().values()) == 12
    stage.emulator.advance(60)
    until(lambda: sum(len(ids) for ids in stage.items().values()) == 24, "the first job to end")
