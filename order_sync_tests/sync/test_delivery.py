"""One request until its outcome is known: what is sent again, waited for, looked up, and left in doubt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from order_sync.database import uptime
from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.monday.budget import Grant
from order_sync.monday.client import BUDGET, MondayClient
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import Fatal, LeaseLost, NotMonday, OrderSyncError, Rejected, Transient
from order_sync.orders.mapping import load_mapping
from order_sync.sync.delivery import Delivery, Locked, Manner, Outcome, Spent
from order_sync_tests.contract.site import new_uuid
from order_sync_tests.sync.stage import QuickClock, Stage
from order_sync_tests.sync.test_answers import error, reply

KEYS = ("Oak", "Elm")
DONE = reply({"a0": {"id": "oak"}, "a1": {"id": "elm"}})
BUSY = reply(None, error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=7))
LOCKED = Reply(status=423, headers={}, body={"error_message": "locked", "status_code": 423})
FATAL = reply(None, error("UserUnauthorizedException"))
REFUSED = reply(None, error("ColumnValueException"))
FIREWALL = Reply(status=403, headers={}, body=None, page="Blocked")
SETTLE, SEARCH = 65.0, 90.0
Script = Reply | OrderSyncError


def lost() -> Transient:
    return Transient("no answer from monday", code="no_answer")


class Scripted(MondayTransport):
    """Answers mutations by the script; queries go to monday."""

    def __init__(self, url: str, script: tuple[Script, ...]) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._script = list(script)
        self.sent: list[tuple[str, str]] = []  # key and body

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        if idempotency_key is None:
            return super().send(body, **how)
        how["last_check"]()
        self.sent.append((idempotency_key, body))
        answer = self._script.pop(0)
        if isinstance(answer, OrderSyncError):
            raise answer
        return answer


@dataclass(frozen=True, kw_only=True)
class Scene:
    delivery: Delivery
    transport: Scripted
    journal: Journal
    client: MondayClient
    clock: QuickClock

    def opened(self, operation: Operation = Operation.GROUPS) -> Entry:
        entry = Entry(
            idempotency_key="key-1",
            operation=operation,
            keys=KEYS,
            body='{"variables": {"name0": "Oak", "name1": "Elm", "values0": "{\\"record_uuid\\": \\"0\\"}", '
            '"values1": "{\\"record_uuid\\": \\"1\\"}"}}',
        )
        self.journal.open(entry)
        return entry

    def deliver(self, operation: Operation = Operation.GROUPS, **how: Any) -> Outcome:
        return self.delivery.deliver(self.opened(operation), Grant(rows=2), **how)

    @property
    def is_in_doubt(self) -> bool:
        return self.journal.in_doubt() != []

    @property
    def waits(self) -> list[float]:
        return [seconds for seconds in self.clock.sleeps if seconds]


@contextmanager
def scene(stage: Stage, *script: Script) -> Iterator[Scene]:
    clock, transport = QuickClock(longest=0.0), Scripted(stage.emulator.url, script)
    with stage.client(transport, clock=clock) as client:
        journal = stage.journal()
        with journal.holding_board():
            manner = Manner(settle=SETTLE, search=SEARCH)
            delivery = Delivery(client, journal, load_mapping(), manner)
            yield Scene(delivery=delivery, transport=transport, journal=journal, client=client, clock=clock)


# ---- a request --------------------------------------------------------------------------------------------


def test_an_answer_at_once_is_no_doubt(stage: Stage) -> None:
    with scene(stage, DONE) as of:
        outcome = of.deliver()
        assert (outcome.created, outcome.doubtful) == ({"Oak": "oak", "Elm": "elm"}, False)
        assert (len(of.transport.sent), of.waits) == (1, [])


def test_a_refusal_is_waited_out_and_the_same_sent_again(stage: Stage) -> None:
    with scene(stage, BUSY, DONE) as of:
        size = of.client.pacer.batch_size(Operation.GROUPS)
        entry, admit = of.opened(), of.delivery.admit
        before = stage.site.row(stage.site.tables.journal)["sent_at"]
        admitted: list[Any] = []

        def admitting(*given: Any, **how: Any) -> Grant:
            admitted.append((given, how))
            return admit(*given, **how)

        of.delivery.admit = admitting  # type: ignore[method-assign]
        outcome = of.delivery.deliver(entry, Grant(rows=2))
        assert admitted == [((Operation.GROUPS, 2), {"whole": True})]  # the same body again, or nothing
        assert (len(outcome.created), outcome.doubtful) == (2, False)
        assert of.transport.sent == [(entry.idempotency_key, entry.body)] * 2
        assert of.waits == [7.0]
        assert stage.site.row(stage.site.tables.journal)["sent_at"] > before
        assert of.client.pacer.batch_size(Operation.GROUPS) >= size


def test_a_lost_answer_is_doubted_from_then_on(stage: Stage) -> None:
    with scene(stage, lost(), BUSY, DONE) as of:
        size = of.client.pacer.batch_size(Operation.ITEMS)
        entry = of.opened(Operation.ITEMS)
        with pytest.raises(AssertionError, match="it is over"):
            stop_at_second_look(of, entry)
        assert of.client.pacer.batch_size(Operation.ITEMS) == size // 2


def stop_at_second_look(of: Scene, entry: Entry) -> None:
    looks: list[float] = []
    find = of.delivery.find

    def counted(entry: Entry) -> dict[str, str]:
        looks.append(of.clock.now())
        found = find(entry)
        if len(looks) == 2:
            assert looks[1] - looks[0] > SETTLE + SEARCH - 5
            raise AssertionError("it is over")
        return found

    of.delivery.find = counted  # type: ignore[method-assign, assignment]
    of.delivery.deliver(entry, Grant(rows=2))


def test_a_refusal_after_a_lost_answer_leaves_the_doubt(stage: Stage) -> None:
    with scene(stage, lost(), BUSY, DONE) as of:
        outcome = of.deliver()
        assert (outcome.created, outcome.doubtful) == ({"Oak": "oak", "Elm": "elm"}, True)
        assert len(of.transport.sent) == 3


@pytest.mark.parametrize(
    ("script", "raised", "is_in_doubt"),
    [
        ((FATAL,), Fatal, False),
        ((BUSY, FATAL), Fatal, False),  # never had an effect
        ((lost(), FATAL), Fatal, True),
        ((FIREWALL,), NotMonday, True),  # it may have kept back an answer that says what was made
        ((REFUSED,), Rejected, True),  # its caller closes it
    ],
)
def test_only_what_never_had_an_effect_is_closed(
    stage: Stage, script: tuple[Script, ...], raised: type[OrderSyncError], is_in_doubt: bool
) -> None:
    with scene(stage, *script) as of:
        with pytest.raises(raised):
            of.deliver()
        assert of.is_in_doubt is is_in_doubt
        assert len(of.transport.sent) == len(script)


def test_a_locked_board_is_left_to_the_other_writers(stage: Stage) -> None:
    asked: list[bool] = []

    def on_locked() -> bool:
        asked.append(True)
        return True

    with scene(stage, LOCKED) as of, pytest.raises(Locked):
        of.deliver(on_locked=on_locked)
    assert asked == [True]


@pytest.mark.parametrize("script", [(LOCKED, DONE), (lost(), LOCKED, DONE)])
def test_a_board_that_nobody_of_us_locked_is_waited_for(stage: Stage, script: tuple[Script, ...]) -> None:
    with scene(stage, *script) as of:
        assert len(of.deliver(on_locked=lambda: len(script) == 3).created) == 2
        assert of.transport.sent[0] == of.transport.sent[-1]


def test_another_refusal_asks_no_other_writer(stage: Stage) -> None:
    with scene(stage, BUSY, DONE) as of:
        assert len(of.deliver(on_locked=lambda: True).created) == 2


@pytest.mark.parametrize("script", [(REFUSED,), (reply(None, error("COMPLEXITY_BUDGET_EXHAUSTED"), replayed=True),)])
def test_a_request_in_doubt_that_is_refused_had_no_effect(stage: Stage, script: tuple[Script, ...]) -> None:
    with scene(stage, *script) as of:
        outcome = of.delivery.resolve(of.opened(), of.clock.now())
        assert outcome == Outcome(doubtful=True)
    with scene(stage, *script) as of, pytest.raises((Rejected, Spent)):
        of.delivery.deliver(of.opened(), Grant(rows=2))


def test_an_earlier_runs_request_is_looked_up_before_sending(stage: Stage) -> None:
    with scene(stage, DONE) as of:
        outcome = of.delivery.resolve(of.opened(), of.clock.now())
        assert (outcome.doubtful, len(of.transport.sent)) == (True, 1)
        assert sum(of.waits) == pytest.approx(SETTLE, abs=5)


def test_a_request_leaves_only_under_a_good_lease(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage, DONE) as of:
        entry, late = of.opened(), uptime.now() + 176
        monkeypatch.setattr(uptime, "now", lambda: late)
        with pytest.raises(LeaseLost):
            of.delivery.deliver(entry, Grant(rows=2))
        assert of.transport.sent == []


def test_a_lost_answer_has_cost_what_was_granted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage, lost(), DONE) as of:
        settled, pacer_lost = list[Grant](), of.client.pacer.lost

        def losing(grant: Grant) -> None:
            settled.append(grant)
            pacer_lost(grant)

        monkeypatch.setattr(of.client.pacer, "lost", losing)
        of.delivery.deliver(of.opened(), Grant(rows=2, points=30.0))
        assert settled == [Grant(rows=2, points=30.0)]


# ---- what the board shows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [(Operation.GROUPS, SETTLE), (Operation.SUBITEMS, SETTLE), (Operation.ITEMS, SETTLE + SEARCH)],
)
def test_a_request_settles_when_monday_and_its_search_have(stage: Stage, operation: Operation, seconds: float) -> None:
    with scene(stage) as of:
        entry = of.opened(operation)
        leased = stage.site.row(stage.site.tables.boards)["leased_until"]
        of.delivery.settle(entry, of.clock.now())
        assert seconds - 5 < sum(of.waits) <= seconds
        assert stage.site.row(stage.site.tables.boards)["leased_until"] > leased
        leased, waited = stage.site.row(stage.site.tables.boards)["leased_until"], len(of.waits)
        of.delivery.settle(entry, of.clock.now() - seconds + 0.5)
        assert of.waits[waited:] == [pytest.approx(0.5, abs=0.2)]
        leased, waited = stage.site.row(stage.site.tables.boards)["leased_until"], len(of.waits)
        of.delivery.settle(entry, of.clock.now() - seconds - 1)  # long ago
        assert len(of.waits) == waited
        assert stage.site.row(stage.site.tables.boards)["leased_until"] == leased


@pytest.mark.parametrize(
    ("remaining", "shown", "looks"),
    [
        (-1.0, "Oak Elm", 1),
        (-1.0, "Oak", 1),  # there will be no more
        (0.5, "Oak Elm", 1),
        (0.5, "Oak", 2),
        (30.0, "Oak", 2),
    ],
)
def test_a_board_that_may_show_more_is_looked_at_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, remaining: float, shown: str, looks: int
) -> None:
    with scene(stage) as of:
        monkeypatch.setattr(of.clock, "now", lambda: 1_000.0 + sum(of.waits))
        found, seen = {key: key.lower() for key in shown.split()}, list[float]()

        def find(entry: Entry) -> dict[str, str]:
            seen.append(sum(of.waits))
            return found

        of.delivery.find = find  # type: ignore[method-assign, assignment]
        outcome = of.delivery.resolve(of.opened(), of.clock.now() - SETTLE + remaining)
        assert outcome == Outcome(created=found, doubtful=True)
        assert seen == [0.0, remaining][:looks]
        assert of.waits == seen[1:]


def test_rows_are_found_unless_they_are_on_record_of_others(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)
    stage.create(Operation.ITEMS, rows)
    first, second = (row.key for row in rows)
    variables = {f"{name}{n}": row.variables[name] for n, row in enumerate(rows) for name in ("name", "values")}
    entry = Entry(
        idempotency_key="key-1",
        operation=Operation.ITEMS,
        keys=(first, second),
        body=json.dumps({"variables": variables}),
    )
    ids = {key: of_key for key, [of_key] in stage.items().items()}
    with scene(stage) as of:
        assert of.delivery.find(entry) == ids
        assert of.delivery.find(entry, {second}) == {second: ids[second]}
        stage.site.change(stage.site.tables.items, {"record_uuid": new_uuid()}, item_id=int(ids[first]))
        assert of.delivery.find(entry) == {second: ids[second]}


def test_a_row_that_the_answer_omits_is_looked_up(stage: Stage) -> None:
    half = reply({"a0": {"id": "oak"}, "a1": None})
    with scene(stage, half) as of:
        of.delivery.find = lambda entry, among=None: {"Oak": "other", "Elm": "elm"}  # type: ignore[method-assign]
        outcome = of.deliver()
        assert (outcome.created, outcome.again, outcome.doubtful) == ({"Oak": "oak", "Elm": "elm"}, {}, True)
        assert of.waits == []


def test_a_row_that_no_look_shows_is_left_for_later(stage: Stage) -> None:
    with scene(stage, reply({"a0": {"id": "70"}, "a1": None})) as of:
        outcome = of.deliver(Operation.ITEMS)
        assert (outcome.created, set(outcome.again), outcome.doubtful) == ({"Oak": "70"}, {"Elm"}, True)
        assert sum(of.waits) == SEARCH


def test_a_row_that_is_refused_is_not_looked_up(stage: Stage) -> None:
    with scene(
        stage, reply({"a0": {"id": "oak"}, "a1": None}, error("COMPLEXITY_BUDGET_EXHAUSTED", path=["a1"]))
    ) as of:
        of.delivery.find = None  # type: ignore[method-assign, assignment]
        outcome = of.deliver()
        assert (set(outcome.again), outcome.doubtful) == ({"Elm"}, False)


# ---- the budget -------------------------------------------------------------------------------------------


def test_rows_within_the_budget_leave_at_once(stage: Stage) -> None:
    with scene(stage) as of:
        assert of.delivery.admit("create_item", 3).rows == 3
        assert of.delivery.admit("create_item", 30).rows == of.client.pacer.batch_size("create_item")
        assert of.delivery.admit("create_item", 30, whole=True).rows == 30
        assert of.waits == []


def test_rows_beyond_the_budget_wait_in_slices_with_the_lease(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage) as of:
        grants = [Grant(rows=0, wait_seconds=12.0), Grant(rows=0, wait_seconds=3.0), Grant(rows=2)]
        renewed: list[int] = []
        monkeypatch.setattr(of.client.pacer, "admit", lambda operation, rows, whole: grants.pop(0))
        monkeypatch.setattr(of.journal, "renew", lambda: renewed.append(len(of.waits)))
        wait, reported = of.client.wait, list[tuple[str, float | None]]()

        def waiting(seconds: float, what: str = "", *, of: float | None = None) -> None:
            reported.append((what, of))
            wait(seconds, what, of=of)

        monkeypatch.setattr(of.client, "wait", waiting)
        assert of.delivery.admit("create_item", 2) == Grant(rows=2)
        assert (of.waits, renewed) == ([5.0, 3.0], [0, 1])
        assert reported == [(BUDGET, 12.0), (BUDGET, 3.0)]  # a slice is reported as part of the whole


def test_a_stopped_writer_gets_no_rows(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage) as of:
        denied = Grant(rows=0, wait_seconds=12.0)
        monkeypatch.setattr(of.client.pacer, "admit", lambda operation, rows, whole: denied)
        assert of.delivery.admit("create_item", 2, stopped=lambda: True) == denied
        assert of.waits == []


def test_a_vague_budget_is_asked_for_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage) as of:
        grants = [Grant(rows=0, wait_seconds=4.0), Grant(rows=0, wait_seconds=4.0), Grant(rows=1)]
        asked: list[int] = []
        monkeypatch.setattr(type(of.client.pacer), "is_vague", True)
        monkeypatch.setattr(of.client.pacer, "admit", lambda operation, rows, whole: grants.pop(0))
        monkeypatch.setattr(of.client, "ask_budget", lambda: asked.append(len(grants)))
        of.delivery.admit("create_item", 1)
        assert (asked, of.waits) == ([2], [4.0])


# ---- the start of a job -----------------------------------------------------------------------------------


def start(of: Scene, *refusals: Transient) -> str:
    left = list(refusals)

    def read(answer: Reply) -> str:
        assert answer is DONE
        if left:
            raise left.pop(0)
        return "job-1"

    return of.delivery.start_job(of.opened(Operation.IMPORT), "the request", Grant(rows=1), read)


def busy(seconds: float | None = None, *, no_effect: bool = True) -> Transient:
    return Transient("busy", wait_seconds=seconds, no_effect=no_effect)


@pytest.mark.parametrize(
    ("refusals", "waits"),
    [((), []), ((busy(7),), [7.0]), ((busy(60), busy()), [60.0, 1.0]), ((busy(0), busy(2)), [2.0])],
)
def test_a_short_refusal_of_a_job_is_waited_out(
    stage: Stage, refusals: tuple[Transient, ...], waits: list[float]
) -> None:
    with scene(stage, *[DONE] * 3) as of:
        assert start(of, *refusals) == "job-1"
        assert of.waits == waits
        assert of.transport.sent == [("key-1", "the request")] * (1 + len(refusals))


@pytest.mark.parametrize(
    ("refusals", "sent"),
    [((busy(1), busy(1), busy(1)), 3), ((busy(61),), 1), ((busy(1, no_effect=False),), 1), ((busy(1), busy(99)), 2)],
)
def test_another_refusal_of_a_job_is_its_callers(stage: Stage, refusals: tuple[Transient, ...], sent: int) -> None:
    with scene(stage, *[DONE] * 3) as of:
        with pytest.raises(Transient) as caught:
            start(of, *refusals)
        assert caught.value is refusals[-1]
        assert len(of.transport.sent) == sent


def test_another_start_of_a_job_is_recorded_and_paid(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(stage, DONE, DONE) as of:
        admitted: list[Any] = []
        how: list[dict[str, Any]] = []
        admit, mutate = of.delivery.admit, of.client.mutate

        def admitting(*given: Any) -> Grant:
            admitted.append(given)
            return admit(*given)

        def mutating(*given: Any, **more: Any) -> Reply:
            how.append(more)
            return mutate(*given, **more)

        monkeypatch.setattr(of.delivery, "admit", admitting)
        monkeypatch.setattr(of.client, "mutate", mutating)
        opened = stage.site.now()
        start(of, busy(1))
        assert stage.site.row(stage.site.tables.journal)["sent_at"] >= opened
        assert admitted == [(Operation.IMPORT, 1)]
        assert [(each["operation"], each["rows"]) for each in how] == [(Operation.IMPORT, 1)] * 2
        assert {each["last_check"] for each in how} == {of.journal.expect_time_left}
        assert how[0]["grant"] == Grant(rows=1)
        assert how[1]["grant"].points > 0
