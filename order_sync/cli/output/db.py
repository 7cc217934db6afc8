"""In: the findings of `db check`, or the steps of `db upgrade`.
Out: one line for each, with its SQL, and the number that block a sync.
Never: a statement that is shortened or wrapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import console

if TYPE_CHECKING:
    from order_sync.database.check import Finding
    from order_sync.database.upgrades import Step


def print_findings(findings: Sequence[Finding], database: str) -> None:
    if not findings:
        console.print(f"[green]{escape(database)} has everything that order_sync reads and writes.[/]")
        return
    for finding in findings:
        mark = "[red]must[/]" if finding.blocks else "[yellow]note[/]"
        console.print(f"{mark}  {escape(str(finding))}")
        if finding.remedy:
            console.print(finding.remedy, lines=True, style="dim", markup=False, highlight=False)
    blocking = sum(finding.blocks for finding in findings)
    notes = len(findings) - blocking
    of_notes = f"{notes} {'note' if notes == 1 else 'notes'}"
    console.print(f"{blocking} to fix before the first sync, {of_notes}. Nothing was changed.")


def print_steps(steps: Iterable[tuple[Step, Sequence[str]]], database: str) -> None:
    """Each step with the statements that it will execute."""
    console.print(f"{escape(database)}: upgrading order_sync's own tables; no other table is changed.")
    for step, statements in steps:
        console.print(f"Version {step.version}: {escape(step.what)}")
        console.print("\n".join(statements), lines=True, style="dim", markup=False, highlight=False)


def print_upgraded(done: bool, *, version: int, grants: bool) -> None:
    if not done:
        console.print(f"The tables have version {version}, which this program needs: nothing to do.")
        return
    console.print(f"[green]The tables now have version {version}.[/]")
    if grants:
        console.print("`order-sync db grant USER` prints the rights that the sync user needs on new tables.")
