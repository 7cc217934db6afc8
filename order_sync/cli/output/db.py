"""In: what `db check` found in a database.
Out: one line for each, with the T-SQL that corrects it, and how many block a sync.
Never: a statement that is shortened or wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import console

if TYPE_CHECKING:
    from order_sync.database.check import Finding


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
    console.print(f"{blocking} to correct before the first sync, {of_notes}. Nothing was changed.")
