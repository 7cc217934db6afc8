"""A board and a queue that live on from act to act, for the state machine.

In: acts: orders arrive, change and are cancelled, runs start, die, stop and go on, time passes,
people repair, retry, delete, rename, add and edit.
Out: after each act how its runs ended, and the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from order_sync.demo.samples import SampleOrders, insert_orders
from order_sync.demo.words import Row
from order_sync.orders.states import Action, State
from order_sync_tests.faults import traces
from order_sync_tests.faults.cases import Around, Mode, Way, during
from order_sync_tests.faults.ground import PAST_LEASES, PAST_REPLAY, Ground, unforeseen
from order_sync_tests.faults.person import MOST_RUNS, Person
from order_sync_tests.faults.scenario import (
    BAD_LINK,
    GOOD_LINK,
    GROUPS,
    Expected,
    late_line,
    make_database,
    order,
    values,
    version,
)
from order_sync_tests.faults.strikes import strike_at
from order_sync_tests.faults.verdict import Verdict

Answer = dict[str, Any]
NOTHING_ODD: dict[str, Any] = {"faults": [], "lookup_lag_s": 0.0, "lock_boards": False}


class World:
    """Every act is a method; what it answers is the verdict after it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._open = ExitStack()
        self._clear()

    def _clear(self) -> None:
        self._rejected: set[str] = set()
        self._late: set[str] = set()
        self._lines: list[int] = []  # how many each order has
        self._orders: list[SampleOrders] = []
        self._settled: frozenset[str] = frozenset()
        self._versions = 0
        self._person = Person(self._ground)

    def act(self, name: str, **arguments: Any) -> Answer:
        acts: dict[str, Callable[..., Answer]] = {
            "begin": self.begin,
            "arrive": self.arrive,
            "late": self.late,
            "update": self.update,
            "cancel": self.cancel,
            "run": self.run,
            "wait": self.wait,
            "repair": self.repair,
            "delete": self.delete,
            "rename": self.rename,
            "edit": self.edit,
            "fill_in": self.fill_in,
            "adopt": self.adopt,
            "finish": self.finish,
            "close": self.close,
        }
        return acts[name](**arguments)

    def begin(self) -> Answer:
        self._open.close()
        self._open.enter_context(self._ground.opened())
        self._clear()
        make_database(self._ground.settings, [])
        return self._answer([])

    def close(self) -> Answer:
        self._open.close()
        return {"ends": [], "verdict": asdict(Verdict())}

    # ---- the order system

    def arrive(self, headers: int, lines: int, group: int, bad_header: bool, bad_line: bool) -> Answer:
        bad_line = bad_line and lines > 0 and not bad_header
        sizes = [" " if bad_line and n == lines - 1 else f"S{n}" for n in range(lines)]
        link = BAD_LINK if bad_header else GOOD_LINK
        made = order(len(self._lines), GROUPS[group], headers=headers, sizes=sizes, link=link)
        self._lines.append(lines)
        self._orders.append(made)
        self._rejected |= {row["delta_uuid"] for row in made.headers if bad_header}
        self._rejected |= {row["delta_uuid"] for row in made.lines[-1:] if bad_line}
        self._insert(made)
        return self._answer([])

    def late(self, number: int) -> Answer:
        if self._lines:
            number %= len(self._lines)
            if self._record(number) in self._ground.look().off():
                return self._answer([])  # lines of what was cancelled have nowhere to go
            made = late_line(number, self._lines[number])
            self._lines[number] += 1
            self._late |= {row["delta_uuid"] for row in made.lines}
            self._insert(made)
        return self._answer([])

    def update(self, number: int, group: int, line: bool, outdated: bool) -> Answer:
        """A further version of an order, or of its first line; if it is `outdated`, newer ones may have come before."""
        if of := self._changeable(number, line):
            self._versions += 1
            # Of those that are outdated each is older than every other version, and newer than what came first.
            minute = 1_000 + self._versions if not outdated else 500 - self._versions
            said: dict[str, Any] = {"qty": 1_000 + self._versions} if line else values(1_000 + self._versions)
            said |= {} if line else {"GroupMonday": GROUPS[group]}
            self._queue(version(of, minute, **said), line)
        return self._answer([])

    def cancel(self, number: int, line: bool) -> Answer:
        if of := self._changeable(number, line):
            self._versions += 1
            self._queue(version(of, 1_000 + self._versions, Action.DELETE), line)
        return self._answer([])

    def _changeable(self, number: int, line: bool) -> Row | None:
        """The row of which a version may come: not of an order that waits for a person to correct it."""
        if not self._orders:
            return None
        made = self._orders[number % len(self._orders)]
        if self._rejected & {row["delta_uuid"] for row in (*made.headers, *made.lines)}:
            return None
        if line and made.headers[0]["record_uuid"] in self._ground.look().off():
            return None
        rows = made.lines if line else made.headers
        return rows[0] if rows else None

    def _record(self, number: int) -> str:
        return str(self._orders[number].headers[0]["record_uuid"])

    def _queue(self, row: Row, line: bool) -> None:
        if line:
            self._late.add(row["delta_uuid"])  # it may have come alone
        self._insert(SampleOrders(lines=[row]) if line else SampleOrders(headers=[row]))

    def _insert(self, made: SampleOrders) -> None:
        self._settled = self._synced()
        with self._ground.database() as database:
            insert_orders(database, self._ground.tables, made)

    def _synced(self) -> frozenset[str]:
        held = self._ground.look()
        rows = (*held.headers, *held.lines)
        return frozenset(row["delta_uuid"] for row in rows if row["sync_state"] == State.SYNCED)

    # ---- runs

    def run(self, step: int, mode: str, around: str, way: str) -> Answer:
        """One run that goes wrong, or not; at a stall a second one does everything meanwhile."""
        return self._run(step, Mode(mode), Around(around), Way(way))

    def _run(self, step: int, mode: Mode, around: Around, way: Way) -> Answer:
        ground = self._ground
        ground.emulator.configure(**NOTHING_ODD)
        ground.emulator.configure(**during(around))
        child = ground.start(strike_at(step, mode), way=way)
        ends = []
        if mode is Mode.STALL and child.stops():
            ground.pass_time(PAST_LEASES)
            ends.append(ground.start(way=way).end())
            child.go_on()
        ends.append(child.end())
        ground.emulator.configure(**NOTHING_ODD)
        return self._answer(ends)

    def finish(self, way: str) -> Answer:
        """A run without faults: everything that is good is SYNCED after it.

        It takes up to three where something was deleted, for one misses it and one makes it again; and on a busy
        machine, where a run may lose its leases, which last some seconds here, and leave what it held to the next.
        """
        ends = []
        for _ in range(MOST_RUNS):
            ends.append(self._ground.start(way=Way(way)).end())
            if self._ground.judge(self._expected(), final=True):
                break
        return self._answer(ends, final=True)

    # ---- time and people

    def wait(self, long: bool) -> Answer:
        self._ground.pass_time(PAST_REPLAY if long else PAST_LEASES)
        return self._answer([])

    def repair(self) -> Answer:
        self._ground.repair()
        self._rejected.clear()
        return self._answer([])

    def delete(self, kind: str, number: int) -> Answer:
        self._person.delete(kind, number)
        return self._answer([])

    def rename(self, number: int) -> Answer:
        self._person.rename(number)
        return self._answer([])

    def edit(self, number: int) -> Answer:
        self._person.edit(number)
        return self._answer([])

    def fill_in(self, number: int) -> Answer:
        if self._orders:
            self._person.fill_in(self._record(number % len(self._orders)))
        return self._answer([])

    def adopt(self, number: int, line: bool) -> Answer:
        self._person.add(number, frozenset(self._rejected), with_line=line)
        return self._answer([])

    def _expected(self) -> Expected:
        return Expected(
            rejected=frozenset(self._rejected),
            late=frozenset(self._late),
            settled=self._settled,
            people=self._person.has_done,
        )

    def _answer(self, ends: list[str], *, final: bool = False) -> Answer:
        verdict = self._ground.judge(self._expected(), final=final)
        for end in ends:
            verdict.wrong += unforeseen(end, must_finish=final)
        if final:
            verdict.wrong += traces.broken(self._ground.home)
        return {"ends": ends, "verdict": asdict(verdict)}
