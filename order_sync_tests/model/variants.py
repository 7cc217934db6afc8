"""Which variants of the protocol are searched, and what has to come of each.

In: nothing. Out: the protocol as it is, the protocol without one of its parts, and its admitted holes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    PROTOCOL = "protocol"  # as it is: no violation
    BROKEN = "broken"  # without a part: a violation
    HOLE = "hole"  # in circumstances that the guarantees exclude: a violation


class Claim(StrEnum):
    """What a model asserts, as Spin prints it where it does not hold."""

    NEVER_TWO = "assertion violated (n==0)"
    ONE_ONCE_HEALED = "assertion violated (n<=1)"
    SYNCED_IS_THERE = "assertion violated ((((n==1)||(n==2))||(n==3))||(n==4))"
    NEVER_OLDER = "assertion violated (says[_pid]>=value)"


MEANING: Mapping[Claim, str] = {
    Claim.NEVER_TWO: "an order has two items at a time",
    Claim.ONE_ONCE_HEALED: "an order has two items in the end",
    Claim.SYNCED_IS_THERE: "an order is SYNCED with an item that no person has deleted, and that is not there",
    Claim.NEVER_OLDER: "an older version is written after a newer one",
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    model: str
    sort: Sort
    what: str
    macro: str = ""
    punctual: bool = False  # monday's search is never later than a worker waits
    faults: int = 2
    violates: Claim | None = None

    @property
    def macros(self) -> dict[str, int | None]:
        names = [self.macro] if self.macro else []
        return {"FAULTS": self.faults} | dict.fromkeys([*names, *(["PUNCTUAL"] if self.punctual else [])])


JOURNAL, CHANGES = "journal.pml", "changes.pml"
FAULTS = 3  # of the protocol as it is; without one of its parts fewer are enough


def _broken(macro: str, what: str, violates: Claim, *, faults: int = 2) -> Variant:
    return Variant(
        model=CHANGES if violates is Claim.NEVER_OLDER else JOURNAL,
        sort=Sort.BROKEN,
        what=what,
        macro=macro,
        punctual=violates is Claim.NEVER_TWO,
        faults=faults,
        violates=violates,
    )


def _hole(macro: str, what: str, violates: Claim = Claim.ONE_ONCE_HEALED, *, faults: int = 2) -> Variant:
    model = CHANGES if violates is Claim.NEVER_OLDER else JOURNAL
    return Variant(model=model, sort=Sort.HOLE, what=what, macro=macro, faults=faults, violates=violates)


VARIANTS = (
    Variant(model=JOURNAL, sort=Sort.PROTOCOL, what="creates; the search is as late as it likes", faults=FAULTS),
    Variant(
        model=JOURNAL,
        sort=Sort.PROTOCOL,
        what="creates; the search is not later than a worker waits",
        faults=FAULTS,
        punctual=True,
    ),
    Variant(model=CHANGES, sort=Sort.PROTOCOL, what="changes", faults=FAULTS),
    _broken("NO_JOURNAL", "open requests of earlier runs are not read", Claim.NEVER_TWO),
    _broken("LATE_JOURNAL", "a request leaves before its row is committed", Claim.NEVER_TWO),
    _broken("NO_LOOK", "nothing is looked up", Claim.NEVER_TWO),
    _broken("ONE_LOOK", "one look instead of two", Claim.NEVER_TWO),
    _broken("EARLY_REST", "a new key for the rest after a partial find, without waiting", Claim.NEVER_TWO),
    _broken("EARLY_CLOSE", "a row is closed by one transaction, its ids are written by the next", Claim.NEVER_TWO),
    _broken("NO_LEASE", "a lost lease is not noticed", Claim.NEVER_TWO),
    _broken("NO_WATCH", "what was created in doubt is not watched", Claim.ONE_ONCE_HEALED),
    _broken("UNWATCHED_REFUSAL", "the same, where a later answer refuses it", Claim.ONE_ONCE_HEALED),
    _broken("NO_JOURNAL", "changes: open requests of earlier runs are not read", Claim.NEVER_OLDER),
    _broken("NO_SETTLE", "changes: one in doubt is not waited for", Claim.NEVER_OLDER),
    _broken("NO_VERSIONS", "changes: an outdated version is written", Claim.NEVER_OLDER),
    _broken("NO_LEASE", "changes: a lost lease is not noticed", Claim.NEVER_OLDER),
    _hole("SUSPENDED", "a process sleeps right before a request leaves, past its lease"),
    _hole("SUSPENDED", "changes: the same", Claim.NEVER_OLDER),
    _hole("TOUCHED", "the search is later than a worker waits, and a person works on a twin"),
    _hole("NEVER_SHOWN", "the search is later than the hour in which a request is watched"),
    _hole("EMPTIED", "a person deletes an item's key before its id is on record", faults=1),
    _hole("ADDED", "a person adds the same order without its key", faults=0),
    _hole("TWO_DATABASES", "two databases send to one board", faults=0),
)
