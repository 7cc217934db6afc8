"""A check as a question, and the wording of its answer.

In: the facts after a step. Out: a Dagster check result: passed, or the problem, its size, and what to do.
Never reads anything itself; checks.py has the questions and collects the facts.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import dagster as dg

from order_sync.database.held import HeldOrder
from order_sync.io_managers.frames import table
from order_sync.monday.usage import Usage
from order_sync.orders.errors import OrderSyncError
from order_sync.sync.compare import Finding, Findings, Kind
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
SHOWN = 200  # findings in the metadata
AFTER_COMMIT = ("monday_items", "monday_subitems")  # assets whose checks delay no order

Found = Sequence[Any]  # findings, held orders, rows or texts
F = TypeVar("F")


@dataclass(frozen=True)
class Question(Generic[F]):
    """A check: `asks` finds the problems in the facts after a step."""

    name: str
    asset: str
    means: str
    asks: Callable[[F], Found]
    wrong: str | Callable[[Found], str]  # the message for findings; {header} and {is|are} are filled in by their number
    severity: dg.AssetCheckSeverity = ERROR
    blocking: bool = False
    right: str = "Nothing is wrong."
    counts: Callable[[Found], Mapping[str, int]] = lambda found: {}  # further numbers for the metadata

    @property
    def spec(self) -> dg.AssetCheckSpec:
        last = ["order_list"] if self.asset in AFTER_COMMIT else None
        return dg.AssetCheckSpec(
            self.name, asset=self.asset, description=self.means, blocking=self.blocking, additional_deps=last
        )

    def answer(self, facts: F, metadata: Mapping[str, Any]) -> dg.AssetCheckResult:
        """Passed if nothing is found. What people are free to do on a board is only a warning."""
        found = self.asks(facts)
        harmless = all(isinstance(each, Finding) and not each.kind.is_wrong for each in found)
        rows = table([_row(each) for each in found[:SHOWN]])
        return self._result(
            passed=not found,
            severity=WARN if found and harmless else self.severity,
            description=self._said(found) if found else self.right,
            metadata={"found": len(found), **self.counts(found), "rows": rows, **metadata},
        )

    def not_known(self, error: OrderSyncError, usage: Usage) -> dg.AssetCheckResult:
        """The answer if monday could not be asked, which must not delay the orders."""
        said = f"monday could not be asked, so the result is unknown: {error}"
        return self._result(passed=False, severity=WARN, description=said, metadata={"calls": usage.calls})

    def _result(self, **of: Any) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(check_name=self.name, asset_key=self.asset, **of)

    def _said(self, found: Found) -> str:
        if not isinstance(self.wrong, str):
            return self.wrong(found)
        # An order with two copies counts once.
        count = len({getattr(each, "key", n) for n, each in enumerate(found)})
        return re.sub(r"{(.+?)(?:\|(.+?))?}", lambda match: counted(count, match[1], match[2]), self.wrong)


def _row(found: Any) -> Row:
    if isinstance(found, Finding | str):
        return {"finding": found if isinstance(found, str) else found.what}
    return asdict(found) if isinstance(found, HeldOrder) else found


def each_kind(noun: str, names: Mapping[Kind, str], advice: str) -> Callable[[Found], str]:
    """1 item not on the board, 2 in another group."""

    def says(found: Found) -> str:
        counts = Counter(finding.kind for finding in found)
        (first, what), *others = ((counts[kind], what) for kind, what in names.items() if counts[kind])
        return ", ".join([f"{counted(first, noun)} {what}", *(f"{n:,} {what}" for n, what in others)]) + f". {advice}"

    return says


def of_kinds(*kinds: Kind, of_items: bool) -> Callable[[Findings], Found]:
    return lambda found: [each for kind in kinds for each in found.first.get(kind, []) if each.is_of_item is of_items]
