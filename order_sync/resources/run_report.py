"""What a run has done, by type, for the process that started it: `order-sync sync` prints it.

In: what each step and each check that asks monday adds. Out: one report a run, in the memory of this process.
Nothing is decided by it, and no later run reads it: the tables say what is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from order_sync.database.commit import Held, Readiness
from order_sync.database.held import HeldOrder
from order_sync.monday.budget import Budget
from order_sync.resources.by_run import ByRun
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import Row


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What has not become SYNCED, as the tables said after the commit."""

    rejected: list[Row]  # as QueueReader.errors
    held: list[HeldOrder]  # every order that no run can take up, of other runs too
    left: list[Held]  # orders held back although none of their rows was rejected
    unfinished: bool = True  # the run may still hold rows
    # As QueueReader.run_headers and run_lines, and where the main tables differ from them.
    headers: list[Row]
    lines: list[Row]
    differing_orders: list[Row]
    differing_lines: list[Row]


NOTHING_LEFT = Ending(rejected=[], held=[], left=[], headers=[], lines=[], differing_orders=[], differing_lines=[])


@dataclass(kw_only=True)
class RunReport:
    """The numbers of one run so far."""

    headers_claimed: int = 0
    lines_claimed: int = 0
    orders_synced: int = 0
    orders_held_back: int = 0
    created: dict[str, int] = field(default_factory=dict)  # by asset
    # Items and subitems that were there already, and edits of people that stayed there.
    changed: int = 0
    moved: int = 0
    cancelled: int = 0
    archive_jobs: list[str] = field(default_factory=list)  # of monday's: each can be undone
    kept: int = 0
    keys_restored: int = 0
    recovered: int = 0  # rows that an earlier run had sent before it ended, found on the board
    refused: dict[str, str] = field(default_factory=dict)  # boards that accepted nothing, with the reason
    customers: list[Row] = field(default_factory=list)  # customer, and the OUTCOMES of database/counts.py
    ending: Ending | None = None  # once the orders are committed
    calls: int = 0
    complexity: int = 0
    budget: Budget | None = None  # which the run's checks use as well
    ended: list[str] = field(default_factory=list)  # runs that held rows when this one began, although they had ended
    ready: Readiness | None = None  # what may be committed, found as the last step's result was read
    # What the run's checks need not read again: its headers as it claimed them, and whether any run held rows before.
    headers: list[Row] | None = None
    any_leases: bool = True
    twins_left: int = 0

    def add(self, outcome: Outcome) -> None:
        """Adds what a step altered on the boards."""
        self.changed += len(outcome.changed)
        self.moved += len(outcome.moved)
        self.cancelled += len(outcome.cancelled)
        self.archive_jobs += outcome.jobs
        self.kept += len(outcome.kept)
        self.keys_restored += outcome.keys_restored


class RunReports(ByRun[RunReport]):
    """The reports of this process's runs."""

    def __init__(self) -> None:
        super().__init__(RunReport)
