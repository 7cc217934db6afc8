"""In: the results of the doctor's checks.
Out: a line for each, and one that sums up.
Never: a line that is cut: it says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import console
from order_sync.text.counted import counted

if TYPE_CHECKING:
    from order_sync.cli.doctor.checks import Result

STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red", "skipped": "dim"}


def print_result(result: Result) -> None:
    mark = f"[{STYLES[result.level]}]{result.level:<8}[/]"
    console.print(f"{mark} {result.check:<11} {escape(result.text)}", highlight=False)


def print_verdict(results: Sequence[Result]) -> None:
    counts = {level: sum(result.level == level for result in results) for level in STYLES}
    if counts["wrong"]:
        skipped = f", {counts['skipped']} not checked" if counts["skipped"] else ""
        console.print(f"[bold red]{counted(counts['wrong'], 'thing')} to correct[/]{skipped}. Nothing was changed.")
    else:
        warnings = f", {counted(counts['warning'], 'warning')}" if counts["warning"] else ""
        console.print(f"[green]Ready to sync[/]{warnings}. Nothing was changed.")
