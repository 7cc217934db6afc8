"""The plan of a dry run as a file: a self-contained HTML page, Markdown, or JSON with every row.

In: a `Plan`. Out: the file. Every value is escaped; the page never runs a script or loads anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from order_sync.reports.pages import template
from order_sync.reports.plan_markdown import as_markdown
from order_sync.sync.decide import Happens
from order_sync.sync.plan import Plan, PlannedRow, write_json

ORDERS_SHOWN = 500  # on the page; the JSON file has them all
_LETTERS = re.compile(r"(\d*)(X*)(S|M|L)", re.IGNORECASE)
_RANKS = {"S": -1, "M": 0, "L": 1}


def write_page(plan: Plan, path: Path) -> None:
    """Orders that are held back come first: they need attention."""
    lines: dict[str, list[PlannedRow]] = {}
    for line in plan.of("line"):
        lines.setdefault(line.record_uuid, []).append(line)
    headers: dict[str, list[PlannedRow]] = {record: [] for record in lines}
    for header in plan.of("header"):
        headers.setdefault(header.record_uuid, []).append(header)
    held = plan.held_back
    records = sorted(headers, key=lambda record: record not in held)
    orders = [
        {
            "record_uuid": record,
            "held_back": held.get(record),
            "rows": [*headers[record], *sorted(lines.get(record, []), key=lambda line: size_order(line.name or ""))],
        }
        for record in records[:ORDERS_SHOWN]
    ]
    stream = template("plan.html").stream(
        plan=plan, total=plan.total, orders=orders, count=len(records), new=Happens.CREATE
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(stream)


def size_order(name: str) -> tuple[int, list[int], str]:
    """Sorts 'Size XS', 'Size S' ... 'Size 3XL' as people do, then sizes with numbers by these, then the rest."""
    size = name.removeprefix("Size ").strip()
    if letters := _LETTERS.fullmatch(size):
        times, more, letter = letters.groups()
        return 0, [_RANKS[letter.upper()] * (1 + len(more) * int(times or 1))], size
    numbers = [int(number) for number in re.findall(r"\d+", size)]
    return (1 if numbers else 2), numbers, size


def write_markdown(plan: Plan, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_markdown(plan), encoding="utf-8", newline="\n")


# By the file's suffix.
WRITERS: Mapping[str, Callable[[Plan, Path], None]] = {
    ".html": write_page,
    ".json": write_json,
    ".md": write_markdown,
}
