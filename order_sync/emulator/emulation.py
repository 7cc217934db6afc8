"""In: settings, and changes to them while the emulator runs.
Out: one running monday account: clock, state, budgets, idempotency, faults and the log of requests.
Never: two accounts at once on one state file; a reset closes the old one first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from order_sync.emulator.boards import Boards
from order_sync.emulator.bulk import Bulk
from order_sync.emulator.clock import Clock
from order_sync.emulator.directory import Directory
from order_sync.emulator.duplicates import Duplicates
from order_sync.emulator.effects import ItemCreated
from order_sync.emulator.faults import FaultEngine
from order_sync.emulator.idempotency import IdempotencyStore
from order_sync.emulator.items import Items
from order_sync.emulator.journal import EffectJournal, hold
from order_sync.emulator.limits import Budgets
from order_sync.emulator.locks import BoardLocks
from order_sync.emulator.lookup import Lookup
from order_sync.emulator.people import People
from order_sync.emulator.removals import Removals
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import State

_KEPT_REQUESTS = 200_000


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request as it went; filled while it runs."""

    number: int
    at: float
    #: mutation, query, or none when the document could not be read; upload or report of a bulk import.
    kind: str = "none"
    operations: list[str] = field(default_factory=list)
    aliases: int = 0
    #: HTTP status sent; 0 when the connection was cut.
    status: int = 0
    error_codes: list[str] = field(default_factory=list)
    idempotency_key: str | None = None
    replayed: bool = False
    cost: int = 0
    complexity_left: int = 0
    #: With this one.
    in_flight: int = 0
    faults: list[str] = field(default_factory=list)
    request_id: str = ""
    body_bytes: int = 0
    #: Virtual.
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Totals:
    calls: int = 0
    mutations: int = 0
    complexity: int = 0
    replayed: int = 0
    in_flight: int = 0
    in_flight_peak: int = 0
    refused: int = 0
    cut: int = 0
    #: Of bulk imports: no calls of the API.
    uploads: int = 0
    reports: int = 0

    @property
    def requests(self) -> int:
        return self.calls + self.uploads + self.reports


@dataclass(slots=True)
class Connections:
    opened: int = 0
    open: int = 0


class Account:
    """Everything that a reset throws away."""

    def __init__(self, emulation: Emulation, journal: EffectJournal) -> None:
        settings, clock = emulation.settings, emulation.clock
        self.journal = journal
        if journal.effects:
            clock.at_least(journal.effects[-1].at)
        self.state = State(journal, clock)
        self.boards = Boards(self.state, lambda: emulation.settings)
        self.items = Items(self.state, self.boards, lambda: emulation.settings)
        self.directory = Directory(self.state, self.boards, self.items)
        self.duplicates = Duplicates(self.state, self.items, self.directory)
        self.people = People(self.items, self.duplicates)
        self.lookup = Lookup(self.state, clock, lambda: emulation.settings)
        for board in settings.boards:
            if board.id not in self.state.boards:
                self.boards.seed(board)
        self.budgets = Budgets(clock)
        self.idempotency = IdempotencyStore(clock, journal.effects, settings.idempotency_retention_s)
        self.faults = FaultEngine(settings.faults)
        self.locks = BoardLocks(lambda: emulation.settings)
        self.bulk = Bulk(self.state, self.items, self.budgets, self.locks, clock, lambda: emulation.settings)
        self.removals = Removals(self.state, self.items, self.locks, clock, lambda: emulation.settings)
        self.requests: deque[RequestRecord] = deque(maxlen=_KEPT_REQUESTS)
        self.totals = Totals()
        #: Executions, including those that continue after their answer was cut off.
        self.running: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        self.bulk.close()
        self.removals.close()
        for task in self.running:
            task.cancel()
        self.journal.clear()

    def stats(self, connections: Connections) -> dict[str, Any]:
        state = self.state
        created = [effect for effect in state.effects if isinstance(effect, ItemCreated)]
        subitems = sum(1 for effect in created if effect.parent_id is not None)
        return {
            **asdict(self.totals),
            "connections_open": connections.open,
            "connections_opened": connections.opened,
            "effects": len(state.effects),
            "boards": len(state.boards),
            "groups": sum(len(board.active_groups) for board in state.boards.values() if not board.parent),
            "items": sum(board.items_count for board in state.boards.values() if not board.parent),
            "subitems": sum(board.items_count for board in state.boards.values() if board.parent),
            "items_created": len(created) - subitems,
            "subitems_created": subitems,
        }


class Emulation:
    def __init__(self, settings: EmulatorSettings) -> None:
        self._at_start = settings
        self.settings = settings
        self.clock = Clock(settings.clock_speed)
        self.connections = Connections()
        #: Known once the port is.
        self.page_url = ""
        self._lock = hold(settings.state_file)  # kept through every reset
        self.account = Account(self, EffectJournal(settings.state_file))

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Fault rules start counting again when they are among the changes; otherwise they continue."""
        self._use(self.settings.with_changes(changes))
        if "faults" in changes:
            self.account.faults = FaultEngine(self.settings.faults)

    def reset(self) -> None:
        """Seeds, settings and logs as they were at the first start; the state file starts empty."""
        self._use(self._at_start)
        self.account.close()
        self.account = Account(self, EffectJournal(self.settings.state_file))

    def _use(self, settings: EmulatorSettings) -> None:
        if settings.clock_speed != self.settings.clock_speed:
            self.clock.set_speed(settings.clock_speed)
        self.settings = settings
