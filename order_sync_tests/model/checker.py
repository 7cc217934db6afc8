"""Judges a trace of the journal protocol: each step is allowed, or it is named with the rule that it breaks.

In: events of one world, of all its runs, in the order in which they happened. Out: violations; none if all is well.
Imports nothing of order_sync: what the product believes of itself is no evidence. The rules are those of journal.pml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

from order_sync_tests.model.events import ABSOLUTE, CREATES, OFF, WATCHED, Event, Kind

LAST = 8  # of what was done with a request, for the message
SLACK = 0.05  # seconds: a wait may seem to be that much shorter
# What a rule forbids, by its name.
RULES = {
    "written down first": "a request leaves only after its row in the journal was committed, with this very body",
    "under the lease": "only the worker that holds the board opens, repeats or closes requests, and writes ids",
    "still under the lease": "nothing leaves once another worker has the board",
    "one request for a row": "nothing else is begun for a row while a request that touches it is open",
    "noted again": "before the same request leaves again, that is committed",
    "two looks": "what may have taken effect is sent again only after a sure look has found nothing of it",
    "never again": "a change in doubt is not sent again",
    "settled": "a wait for a request is as long as monday may need",
    "sure of the rest": "a request in doubt is closed only if all of it was found, or a sure look has shown the rest",
    "settled first": "a change in doubt is closed only after a sure look, even if the board shows all of it",
    "ids with the closing": "the transaction that closes a request keeps every id that was answered or found",
    "no id from nowhere": "and no other",
    "watched": "a request that was in doubt, and may double, is watched",
    "twins first": "a worker that finds watched requests looks for twins before it begins new ones",
    "keeps its own": "no item is archived as a twin that the tables name",
    "nothing in doubt": "no order is SYNCED while a request that touches it is open",
    "on the board": "no row is SYNCED without an id, unless its order or line was cancelled",
    "dead": "a dead worker does nothing",
}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A step that the protocol does not allow."""

    rule: str
    event: Event
    number: int  # of the event in the trace, from 0
    why: str

    def __str__(self) -> str:
        return f"event {self.number} ({self.event}) breaks '{self.rule}' ({RULES[self.rule]}): {self.why}"


@dataclass(eq=False, kw_only=True)
class _Request:
    """What the trace has shown of one idempotency key."""

    opened: Event
    worker: str  # that has it in hand
    is_open: bool = True
    sends: int = 0
    noted: bool = True  # that it is about to leave
    flying: bool = False  # sent, and not answered
    sent_at: float | None = None
    since: float | None = None  # when what is in doubt left at the latest
    doubt: bool = False
    doubted: bool = False  # ever
    answered: bool = False  # what is in doubt is in doubt although there was an answer: monday is not at it any more
    settled: bool = False  # since
    sure: bool = False  # a look since then that shows all that will ever be there
    shown: dict[str, str] = field(default_factory=dict)  # by the last look
    ids: dict[str, str] = field(default_factory=dict)  # that were answered
    past: list[str] = field(default_factory=list)  # what was done with it

    @property
    def operation(self) -> str:
        return self.opened.operation

    @property
    def is_usual(self) -> bool:
        """No job of monday's, which has rules of its own."""
        return self.operation in CREATES | ABSOLUTE

    def begin_doubt(self, since: float | None, *, answered: bool = False) -> None:
        self.doubt = self.doubted = True
        self.since, self.answered = since, answered
        self.settled = self.sure = False
        self.shown = {}


class Checker:
    """Takes one event after the other; `violations` are those found so far."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._number = -1
        self._requests: dict[str, _Request] = {}
        self._holders: dict[int, str] = {}
        self._taken: dict[tuple[int, str], float | None] = {}  # when a worker took a board for the first time since
        self._watched: dict[int, set[str]] = {}  # requests by board
        self._to_heal: dict[tuple[int, str], set[str]] = {}  # those that a worker found when it first took a board
        self._kept: dict[str, str] = {}  # ids in the tables, by key
        self._synced: set[str] = set()  # rows, by key
        self._dead: set[str] = set()
        self._steps: Mapping[Kind, Callable[[Event], None]] = {
            Kind.TAKE: self._take,
            Kind.LOSE: lambda event: None,
            Kind.RELEASE: self._release,
            Kind.OPEN: self._open,
            Kind.AGAIN: self._again,
            Kind.SEND: self._send,
            Kind.ANSWER: self._answer,
            Kind.SILENCE: self._silence,
            Kind.SETTLE: self._settle,
            Kind.LOOK: self._look,
            Kind.CLOSE: self._close,
            Kind.WATCH: self._close,
            Kind.HEAL: self._heal,
            Kind.LIST: self._list,
            Kind.KEEP: self._keep,
            Kind.FORGET: self._forget,
            Kind.SYNC: self._sync,
            Kind.CRASH: self._crash,
        }

    def take(self, event: Event) -> None:
        self._number += 1
        if event.worker in self._dead:
            self._break("dead", event, "it was dead")
        self._steps[event.kind](event)
        if (of := self._requests.get(event.request)) is not None:
            of.past.append(f"{event.kind} by {event.worker}{f' at {event.at:.1f}' if event.at is not None else ''}")

    def _break(self, rule: str, event: Event, why: str) -> None:
        if (of := self._requests.get(event.request)) is not None:
            why += f"; it was {of.operation}, and before: {', '.join(of.past[-LAST:])}"
        self.violations.append(Violation(rule=rule, event=event, number=self._number, why=why))

    # ---- the lease --------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if self._holders.get(event.board) != event.worker:
            self._holders[event.board] = event.worker
            self._taken[event.board, event.worker] = event.at
        self._to_heal.setdefault((event.board, event.worker), set(self._watched.get(event.board, ())))

    def _release(self, event: Event) -> None:
        if self._holders.get(event.board) == event.worker:
            del self._holders[event.board]

    def _crash(self, event: Event) -> None:
        self._dead.add(event.worker)

    def _expect_lease(self, event: Event, board: int) -> None:
        holder = self._holders.get(board)
        if holder != event.worker:
            self._break("under the lease", event, f"board {board} is held by {holder or 'nobody'}")

    # ---- requests ---------------------------------------------------------------------------------

    def _open(self, event: Event) -> None:
        self._expect_lease(event, event.board)
        for other in self._open_ones(event.touches):
            why = f"request {other.opened.request[:8]} ({other.operation}) is open and touches it"
            self._break("one request for a row", event, why)
        if unhealed := self._to_heal.get((event.board, event.worker), set()) & self._watched.get(event.board, set()):
            self._break("twins first", event, f"request {min(unhealed)[:8]} is watched")
        self._requests[event.request] = _Request(opened=event, worker=event.worker)

    def _open_ones(self, touches: Set[str]) -> list[_Request]:
        return [of for of in self._requests.values() if of.is_open and of.opened.touches & touches]

    def _of(self, event: Event) -> _Request | None:
        """The request, in the hands of the event's worker: from another one's it comes in doubt."""
        found = self._requests.get(event.request)
        if found is None:
            self._break("written down first", event, "the journal has no such request")
            return None
        if found.worker != event.worker and found.is_open and self._holders.get(found.opened.board) == event.worker:
            found.worker, found.flying = event.worker, False
            found.ids = {}  # the other worker may have died with its answers
            found.begin_doubt(self._taken.get((found.opened.board, event.worker)))
        return found

    def _again(self, event: Event) -> None:
        if found := self._of(event):
            self._expect_lease(event, found.opened.board)
            found.noted = True

    def _send(self, event: Event) -> None:
        found = self._of(event)
        if found is None:
            return
        if (holder := self._holders.get(found.opened.board)) != event.worker:
            self._break("still under the lease", event, f"the board is held by {holder or 'nobody'}")
            return  # it is another worker's by now
        if not found.is_open:
            self._break("written down first", event, "its row is closed")
        if event.body != found.opened.body:
            self._break("written down first", event, "the journal has another body")
        if not found.noted:
            self._break("noted again", event, f"it has left {found.sends} times")
        if found.doubt and found.operation in ABSOLUTE:
            self._break("never again", event, "it is in doubt")
        elif found.doubt and found.is_usual and not (found.sure and not found.shown):
            why = f"it was found: {sorted(found.shown)}" if found.shown else "no sure look came before"
            self._break("two looks", event, why)
        found.sends += 1
        found.noted, found.flying, found.sent_at = False, True, event.at

    def _answer(self, event: Event) -> None:
        found = self._of(event)
        if found is None or found.worker != event.worker:
            return  # another worker has it in hand by now: this one can only find that out
        found.flying = False
        keys = {f"a{number}": key for number, key in enumerate(found.opened.keys)}
        found.ids |= {keys[alias]: monday_id for alias, monday_id in event.ids.items() if alias in keys}
        found.doubt = False
        if event.doubt:
            whole = "all" in event.doubt and not event.ids
            found.begin_doubt(found.sent_at if whole else event.at, answered=not whole)

    def _silence(self, event: Event) -> None:
        found = self._of(event)
        if found is None or found.worker != event.worker:
            return
        found.flying = False
        if event.doubt:
            found.begin_doubt(found.sent_at)

    def _settle(self, event: Event) -> None:
        found = self._of(event)
        # A worker that has lost the board meanwhile can do nothing with what it has waited for.
        if found is not None and self._holders.get(found.opened.board) == event.worker:
            if (past := _past(found, event)) is not None and past < -SLACK:
                why = f"{_passed(found.since, event.at)} of {event.settle + event.late:g} s have passed"
                self._break("settled", event, why)
            found.settled = True

    def _look(self, event: Event) -> None:
        found = self._of(event)
        if found is None:
            return
        found.shown = dict(event.ids)
        past = _past(found, event) if found.doubt else None
        found.sure = found.settled or (past is not None and past >= -SLACK)

    # ---- what is kept -----------------------------------------------------------------------------

    def _close(self, event: Event) -> None:
        found = self._of(event)
        if found is None:
            return
        self._expect_lease(event, found.opened.board)
        if found.flying:
            found.begin_doubt(found.sent_at)
        there = found.shown | found.ids
        missing = [key for key in found.opened.keys if key not in there]
        if found.is_usual and found.doubt and not found.sure:
            if found.operation in ABSOLUTE:
                self._break("settled first", event, "no sure look came before")
            elif missing:
                self._break("sure of the rest", event, f"{missing[0]} may still be made, or turn up")
        if found.operation in CREATES:
            self._expect_ids(found, event, there)
        if event.kind is Kind.CLOSE and found.doubted and found.operation in WATCHED:
            self._break("watched", event, "it was in doubt")
        if event.kind is Kind.WATCH:
            self._watched.setdefault(found.opened.board, set()).add(event.request)
        found.is_open = False
        self._kept |= event.ids

    def _expect_ids(self, found: _Request, event: Event, there: Mapping[str, str]) -> None:
        if lost := [key for key in there if key not in event.ids]:
            self._break("ids with the closing", event, f"{lost[0]} has {there[lost[0]]}, which is not in the tables")
        known = {*there.items(), *self._kept.items()}
        if strange := [key for key, monday_id in event.ids.items() if (key, monday_id) not in known]:
            self._break("no id from nowhere", event, f"{strange[0]} has got {event.ids[strange[0]]}")

    def _heal(self, event: Event) -> None:
        if event.ids:  # who has only looked, and has lost the board meanwhile, has done nothing
            self._expect_lease(event, event.board)
        self._to_heal[event.board, event.worker] = set()
        if named := set(event.ids.values()) & set(self._kept.values()):
            self._break("keeps its own", event, f"the tables name {min(named)}")

    def _list(self, event: Event) -> None:
        for of_board in self._watched.values():
            of_board.discard(event.request)

    def _keep(self, event: Event) -> None:
        self._expect_lease(event, event.board)
        self._kept |= event.ids

    def _forget(self, event: Event) -> None:
        self._expect_lease(event, event.board)
        for key in event.ids:
            self._kept.pop(key, None)

    def _sync(self, event: Event) -> None:
        for other in self._open_ones(event.touches):
            why = f"request {other.opened.request[:8]} ({other.operation}) is open and touches it"
            self._break("nothing in doubt", event, why)
        for key, monday_id in event.ids.items():
            if not monday_id and key not in self._synced:  # an order that was cancelled once may have come back since
                self._break("on the board", event, f"row {key} has no id")
        self._synced |= event.ids.keys()
        self._kept |= {key: monday_id for key, monday_id in event.ids.items() if monday_id not in ("", OFF)}


def _past(found: _Request, event: Event) -> float | None:
    """Seconds since monday can no longer be at what is in doubt, and shows it; None if no clock says so."""
    if event.at is None or found.since is None:
        return None
    return event.at - found.since - (0.0 if found.answered else event.settle) - event.late


def _passed(since: float | None, at: float | None) -> str:
    return "an unknown part" if since is None or at is None else f"{at - since:.1f}"


def check(events: Iterable[Event]) -> list[Violation]:
    """The steps that the protocol does not allow."""
    checker = Checker()
    for event in events:
        checker.take(event)
    return checker.violations
