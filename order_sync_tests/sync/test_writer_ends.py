"""How a write ends where monday answers oddly: what stops it, what is spared, what is tried once more.

The answers to mutations are scripted; monday answers the queries.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from order_sync.database.entries import Entry, EntryState, Operation
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.budget import Grant
from order_sync.monday.errors import LOCK_WAIT
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import BoardRefused, Fatal, Rejected, Transient
from order_sync.orders.states import State
from order_sync.sync.batches import Batches
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow, Repaired
from order_sync_tests.sync.stage import SHARED, QuickClock, Stage
from order_sync_tests.sync.test_answers import error, reply
from order_sync_tests.sync.test_delivery import BUSY, DONE, FATAL, LOCKED, Script, Scripted, lost

GROUPS = Operation.GROUPS
REJECTED = error("ItemNameTooLongException", path=["a1"])
DOUBTFUL = error("InvalidColumnIdException", path=["a1"])  # the column may have been deleted a moment ago


def titled(*titles: str) -> list[NewRow]:
    return [NewRow(key=title, variables={"name": title}) for title in titles]


def answer(*ids: str | None) -> Reply:
    return reply({f"a{n}": monday_id and {"id": monday_id} for n, monday_id in enumerate(ids)})


def partly(*errors: dict[str, object], first: str = "70") -> Reply:
    return reply({"a0": {"id": first}, "a1": None}, *errors)


def scripted(stage: Stage, *script: Script) -> Scripted:
    return Scripted(stage.emulator.url, script)


def states(stage: Stage) -> dict[str, tuple[str, int | None]]:
    rows = stage.site.rows(stage.site.tables.header_queue)
    return {row["delta_uuid"]: (row["sync_state"], row["monday_item_id"]) for row in rows}


def test_a_fatal_answer_stops_a_recovery_that_keeps_ids(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)
    journal = stage.journal("run-0")
    with journal.holding_board():
        keys = tuple(row.key for row in rows)
        values = {f"values{n}": row.variables["values"] for n, row in enumerate(rows)}
        body = json.dumps({"variables": values | {"group0": "g", "group1": "g"}})
        journal.open(Entry(idempotency_key="key-1", operation=Operation.ITEMS, keys=keys, body=body))
    transport = scripted(stage, partly(error("UserUnauthorizedException", path=["a1"])))
    with (
        stage.writer(transport, run_id="run-2", clock=QuickClock(longest=0.0)) as writer,
        pytest.raises(Fatal),
    ):
        writer.recover()
    assert states(stage) == {rows[0].key: (State.PENDING, 70), rows[1].key: (State.PENDING, None)}
    assert stage.journal().in_doubt() == []


def test_a_kept_refusal_is_followed_by_a_new_key(stage: Stage) -> None:
    kept = reply(None, error("COMPLEXITY_BUDGET_EXHAUSTED"), replayed=True)
    transport = scripted(stage, kept, answer("oak", "elm"))
    outcome = stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=QuickClock(longest=0.0))
    assert outcome.created == {"Oak": "oak", "Elm": "elm"}
    assert len({key for key, _ in transport.sent}) == 2


@pytest.mark.parametrize("beside", [DOUBTFUL, REJECTED])
def test_a_board_that_has_changed_refuses_no_row(stage: Stage, beside: dict[str, object]) -> None:
    """Only a refusal that may be the board's is a reason to look at it again; one that is not stays the row's own."""
    rows = stage.wanted(Operation.ITEMS, 2)
    looked: list[Collection[Rejected]] = []

    def look(refused: Collection[Rejected]) -> None:
        looked.append(refused)
        raise BoardRefused("column po_number was deleted")

    transport = scripted(stage, partly(beside))
    with stage.writer(transport) as writer:
        if beside is DOUBTFUL:
            with pytest.raises(BoardRefused, match="po_number"):
                writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], look=look)
            assert [len(refused) for refused in looked] == [1]
        else:
            writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], look=look)
            assert looked == []
    state = State.PENDING if beside is DOUBTFUL else State.ERROR
    assert states(stage) == {rows[0].key: (State.PENDING, 70), rows[1].key: (state, None)}
    assert stage.journal().in_doubt() == []


def test_a_fatal_answer_comes_before_what_a_look_finds(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)

    def look(refused: Collection[Rejected]) -> None:
        raise BoardRefused("column po_number was deleted")

    transport = scripted(stage, partly(DOUBTFUL, error("UserUnauthorizedException")))
    with stage.writer(transport) as writer, pytest.raises(Fatal) as caught:
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], look=look)
    assert "po_number" not in str(caught.value)
    assert states(stage)[rows[1].key] == (State.PENDING, None)


def test_a_fatal_answer_rejects_no_row_that_it_may_concern(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)
    doubtful = error("InvalidColumnIdException", path=["a0"])
    fatal = reply({"a0": None, "a1": {"id": "71"}}, doubtful, error("UserUnauthorizedException"))
    with pytest.raises(Fatal):
        stage.create(Operation.ITEMS, rows, transport=scripted(stage, fatal))
    assert states(stage) == {rows[0].key: (State.PENDING, None), rows[1].key: (State.PENDING, 71)}
    [line] = stage.site.rows(stage.site.tables.log, delta_uuid=rows[0].key)
    assert (line["outcome"], line["code"]) == ("unsettled", "InvalidColumnIdException")


def test_a_refused_repair_stops_the_board_with_ids_kept(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)

    def repair(refused: Mapping[str, Rejected]) -> Repaired:
        assert refused.keys() == {rows[1].key}
        raise BoardRefused("no group can be created")

    transport = scripted(stage, partly(DOUBTFUL))
    with stage.writer(transport) as writer, pytest.raises(BoardRefused, match="no group"):
        writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], repair=repair)
    assert states(stage) == {rows[0].key: (State.PENDING, 70), rows[1].key: (State.PENDING, None)}
    log = stage.site.rows(stage.site.tables.log, delta_uuid=rows[1].key)
    assert [line["outcome"] for line in log] == ["unsettled"]


def progress(caplog: pytest.LogCaptureFixture) -> list[tuple[int, tuple[str, int, int]]]:
    """The level of each report, and what it says."""
    return [(of.levelno, of.progress) for of in caplog.records if hasattr(of, "progress")]


def test_a_repaired_row_is_sent_as_repaired(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "order_sync.monday")
    rows = stage.wanted(Operation.ITEMS, 3)

    def repair(refused: Mapping[str, Rejected]) -> Repaired:
        better = Rejected("a better reason")
        return Repaired(
            again={rows[0].key: rows[0].with_variables(name="repaired")},
            waiting={rows[1].key: "its item"},
            rejected={rows[2].key: better},
        )

    refused = [error("ColumnValueException", path=[f"a{n}"]) for n in range(3)]
    transport = scripted(stage, reply({"a0": None, "a1": None, "a2": None}, *refused), answer("70"))
    with stage.writer(transport) as writer:
        outcome = writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS], repair=repair)
    assert outcome.created == {rows[0].key: "70"}
    assert outcome.waiting == {rows[1].key: "its item"}
    assert {key: of.message for key, of in outcome.rejected.items()} == {rows[2].key: "a better reason"}
    assert progress(caplog)[-1][1] == (Operation.ITEMS, 3, 3)
    assert "repaired" in transport.sent[1][1]
    assert "repaired" not in transport.sent[0][1]


def test_rows_without_any_effect_raise_what_hindered_them(stage: Stage) -> None:
    busy = reply({"a0": None}, error("COMPLEXITY_BUDGET_EXHAUSTED", path=["a0"], retry_in_seconds=3))
    with pytest.raises(Transient, match="COMPLEXITY_BUDGET_EXHAUSTED"):
        stage.create(GROUPS, titled("Oak"), transport=scripted(stage, *[busy] * 8), clock=QuickClock(longest=0.0))


def test_a_silence_that_lasts_leaves_items_in_doubt(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)
    transport = scripted(stage, *[lost() for _ in range(8)])
    with pytest.raises(Transient, match="no answer"):
        stage.create(Operation.ITEMS, rows, transport=transport, clock=QuickClock(longest=0.0))
    assert len(stage.journal().in_doubt()) == 1
    assert len(transport.sent) == 8


def test_a_silence_on_groups_is_settled_by_the_board(stage: Stage) -> None:
    """It shows all groups at once: those that are not there were not made."""
    transport = scripted(stage, *[lost() for _ in range(8)], answer("oak"), answer("elm"))
    outcome = stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=QuickClock(longest=0.0))
    assert outcome.created == {"Oak": "oak", "Elm": "elm"}
    assert stage.journal().in_doubt() == []


def test_a_refusal_without_effect_leaves_nothing_in_doubt_but_stops(stage: Stage) -> None:
    transport = scripted(stage, *[BUSY] * 8)
    with pytest.raises(Transient):
        stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=QuickClock(longest=0.0))
    assert len(transport.sent) == 8


@pytest.mark.parametrize(
    ("asked", "waits"), [((9, 4), [9]), ((4, 9), [9]), ((None, 0.5), [0.5]), ((None, None), [])], ids=str
)
def test_a_wait_is_the_longest_that_monday_asks_for(
    stage: Stage, asked: tuple[float | None, ...], waits: list[float]
) -> None:
    busy = [
        error("COMPLEXITY_BUDGET_EXHAUSTED", path=[f"a{number}"], retry_in_seconds=seconds)
        for number, seconds in enumerate(asked)
        if seconds is not None
    ]
    transport = scripted(stage, reply({"a0": None, "a1": None}, *busy), answer("oak", "elm"))
    clock = QuickClock(longest=0.0)
    outcome = stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=clock)
    assert len(outcome.created) == 2
    assert [seconds for seconds in clock.sleeps if seconds] == waits


def test_a_request_is_admitted_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs is taken from the account's budget only once."""
    admitted: list[tuple[str, int]] = []
    with stage.writer(scripted(stage, answer("oak", "elm"))) as writer:
        admit = writer.delivery.admit

        def admitting(operation: str, rows: int, **how: Any) -> Grant:
            admitted.append((operation, rows))
            return admit(operation, rows, **how)

        monkeypatch.setattr(writer.delivery, "admit", admitting)
        writer.write(GROUPS, titled("Oak", "Elm"), SHARED[GROUPS])
    assert admitted == [(GROUPS, 2)]


def test_a_lock_of_our_own_takes_a_writer_away(stage: Stage) -> None:
    transport, clock = scripted(stage, LOCKED, answer("oak", "elm")), QuickClock(longest=0.0)
    outcome = stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=clock, writers=2)
    assert outcome.created == {"Oak": "oak", "Elm": "elm"}
    assert len({key for key, _ in transport.sent}) == 2
    assert [seconds for seconds in clock.sleeps if seconds] == [LOCK_WAIT]
    assert stage.journal().in_doubt() == []


def test_a_refusal_at_a_batchs_end_is_recorded_later(stage: Stage) -> None:
    """Once the next request shows that the board still takes rows."""
    rows = stage.wanted(Operation.ITEMS, 3)
    outcome = stage.create(
        Operation.ITEMS, rows, transport=scripted(stage, partly(DOUBTFUL), answer("71")), first_batch=2
    )
    assert outcome.rejected.keys() == {rows[1].key}
    kept = {rows[0].key: (State.PENDING, 70), rows[2].key: (State.PENDING, 71)}
    assert states(stage) == kept | {rows[1].key: (State.ERROR, None)}


def test_the_log_names_mondays_request(stage: Stage) -> None:
    stage.create(Operation.ITEMS, stage.wanted(Operation.ITEMS, 2), transport=scripted(stage, answer("70", "71")))
    logged = stage.site.rows(stage.site.tables.log, outcome="created")
    assert [line["request_id"] for line in logged] == ["req-1", "req-1"]


def test_progress_is_reported_every_few_seconds(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """To people; a progress bar listens to all of it."""
    moments = iter([100.0, 104.0, 105.0, 106.0, 107.0])

    class SetClock(QuickClock):
        at = 99.0

        def now(self) -> float:
            return self.at

    class Ticking(Scripted):
        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            if idempotency_key:
                clock.at = next(moments)
            return super().send(body, idempotency_key=idempotency_key, **how)

    clock, titles = SetClock(), ["Ash", "Elm", "Fir", "Oak", "Yew"]
    transport = Ticking(stage.emulator.url, tuple(answer(title.lower()) for title in titles))
    caplog.set_level(logging.DEBUG, "order_sync.monday")
    stage.create(GROUPS, titled(*titles), transport=transport, clock=clock, first_batch=1, largest_batch=1)
    levels = [logging.INFO, logging.DEBUG, logging.INFO, logging.DEBUG, logging.INFO]
    assert progress(caplog) == [(level, (GROUPS, n, 5)) for n, level in enumerate(levels, 1)]


def test_a_fatal_answer_to_all_sends_no_more(stage: Stage) -> None:
    transport = scripted(stage, FATAL, DONE)
    with pytest.raises(Fatal):
        stage.create(GROUPS, titled("Oak", "Elm"), transport=transport, clock=QuickClock(longest=0.0))
    assert len(transport.sent) == 1
    assert stage.journal().in_doubt() == []


class Deaf(Scripted):
    """monday's answers to this many queries are lost as well."""

    def __init__(self, stage: Stage, *script: Script, queries: int) -> None:
        super().__init__(stage.emulator.url, script)
        self._queries = queries

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        if idempotency_key is None and self._queries:
            self._queries -= 1
            raise lost()
        return super().send(body, idempotency_key=idempotency_key, **how)


def test_a_change_without_any_answer_is_read_back(stage: Stage) -> None:
    """Its answer is lost, and so are those of each look that follows, until the last one."""
    [row] = stage.wanted(Operation.ITEMS, 1)
    item = stage.create(Operation.ITEMS, [row]).created[row.key]
    change = NewRow(key=row.key, variables={"item": item, "values": '{"name":"Renamed"}'})
    transport = Deaf(stage, lost(), queries=7 * 8)
    shared = SHARED[Operation.CHANGE_ITEMS]
    with stage.writer(transport, clock=QuickClock(longest=0.0)) as writer:
        outcome = writer.write(Operation.CHANGE_ITEMS, [change], shared)
    assert outcome.created == {}
    assert "was in doubt, and the board does not show it" in outcome.waiting[row.key]
    assert len(transport.sent) == 1


def test_after_a_silence_a_request_holds_one_change(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 6)
    items = stage.create(Operation.ITEMS, rows).created
    renamed = {"values": '{"name":"Renamed"}'}
    changes = [NewRow(key=key, variables={"item": item, **renamed}) for key, item in items.items()]
    transport = Deaf(stage, lost(), answer("70"), answer("71"), queries=7 * 8)
    how = {"first_batch": 4, "clock": QuickClock(longest=0.0)}
    outcome = stage.create(Operation.CHANGE_ITEMS, changes, transport=transport, **how)
    assert outcome.created == {changes[4].key: "70", changes[5].key: "71"}
    assert outcome.waiting.keys() == {change.key for change in changes[:4]}
    sizes = [sum(name.startswith("item") for name in json.loads(body)["variables"]) for _, body in transport.sent]
    assert sizes == [4, 1, 1]


def test_items_found_after_a_silence_are_watched(stage: Stage) -> None:
    """The request reached monday, which made one item of two; no answer and no look shows it, until the last."""

    class Reached(Deaf):
        def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
            if idempotency_key and not self.sent:
                MondayTransport.send(self, body, idempotency_key=idempotency_key, **how)
            return super().send(body, idempotency_key=idempotency_key, **how)

    rows = stage.wanted(Operation.ITEMS, 2)
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=(1,)))
    transport = Reached(stage, lost(), answer("70"), queries=7 * 8)
    outcome = stage.create(Operation.ITEMS, rows, transport=transport, clock=QuickClock(longest=0.0))
    assert outcome.created == {rows[0].key: stage.items()[rows[0].key][0], rows[1].key: "70"}
    journal = {row["idempotency_key"]: row["state"] for row in stage.site.rows(stage.site.tables.journal)}
    assert [journal[key] for key, _ in transport.sent] == [EntryState.WATCHED, EntryState.CLOSED]
    log = [(line["delta_uuid"], line["outcome"]) for line in stage.site.rows(stage.site.tables.log)]
    assert sorted(log) == sorted([(rows[0].key, "created"), (rows[1].key, "unsettled"), (rows[1].key, "created")])


def test_a_stopped_writer_sends_nothing_that_it_has_taken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = scripted(stage)
    taken_from: list[Batches] = []
    take = Batches.take

    def taking(self: Batches, writer: int, most: int) -> list[NewRow]:
        taken_from.append(self)
        return take(self, writer, most)

    monkeypatch.setattr(Batches, "take", taking)
    with stage.writer(transport) as writer:

        def admit(operation: Operation, rows: int, *, stopped: Callable[[], bool]) -> Grant:
            assert not stopped()
            taken_from[0].stop()
            assert stopped()
            return Grant(rows=rows)

        monkeypatch.setattr(writer.delivery, "admit", admit)
        outcome = writer.write(GROUPS, titled("Oak"), SHARED[GROUPS])
    assert (transport.sent, outcome.created) == ([], {})


LEFT = "leaving an import job to the next run: "


def test_rows_of_imports_without_a_known_end_wait(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = stage.wanted(Operation.ITEMS, 3)
    journal = stage.journal("run-0")
    with journal.holding_board():
        for n, row in enumerate(rows[:2]):
            journal.open(Entry(idempotency_key=f"key-{n}", operation=Operation.IMPORT, keys=(row.key,), body="{}"))

    def finish(entry: Entry) -> None:
        raise Transient("the job has not ended")

    with stage.writer(scripted(stage, answer("70")), run_id="run-2") as writer:
        monkeypatch.setattr(writer._bulk, "finish", finish)
        assert writer.recover() == 2
        outcome = writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert outcome.created == {rows[2].key: "70"}
    assert outcome.waiting == dict.fromkeys([row.key for row in rows[:2]], "its import job has not finished")
    assert len(stage.journal().in_doubt()) == 2
    assert sum(LEFT in line and "the job has not ended" in line for line in caplog.messages) == 2


def test_one_outcome_covers_all_import_jobs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)

    def create(job: list[NewRow]) -> Outcome:
        number = rows.index(job[0])
        if number % 2:
            raise Transient(f"job {number} has not ended")
        return Outcome(created={job[0].key: f"7{number}"})

    with stage.writer(scripted(stage)) as writer:
        monkeypatch.setattr(writer._bulk, "jobs", lambda rows, writers: [[row] for row in rows])
        monkeypatch.setattr(type(writer._bulk), "available", True, raising=False)
        monkeypatch.setattr(writer._bulk, "create", create)
        outcome = writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert outcome.created == {rows[0].key: "70", rows[2].key: "72"}
    assert outcome.waiting.keys() == {rows[1].key, rows[3].key}
    assert [line[len(LEFT) :].partition(": ")[2] for line in caplog.messages if LEFT in line] == [
        "job 1 has not ended",
        "job 3 has not ended",
    ]


def test_rows_go_by_requests_once_jobs_cannot_be_had(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)
    with stage.writer(scripted(stage, answer("70", "71"))) as writer:
        monkeypatch.setattr(writer._bulk, "jobs", lambda rows, writers: [rows])
        monkeypatch.setattr(type(writer._bulk), "available", False, raising=False)
        outcome = writer.write(Operation.ITEMS, rows, SHARED[Operation.ITEMS])
    assert outcome.created == {rows[0].key: "70", rows[1].key: "71"}
