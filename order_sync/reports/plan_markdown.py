"""A plan as Markdown, for a ticket or a pull request.

In: a `Plan`. Out: its text: what a run would do in short, by customer, and order by order. Every name is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from order_sync.sync.plan import Plan, PlannedRow
from order_sync.text.counted import counted
from order_sync.text.plain_text import markdown

ORDERS_SHOWN = 100  # the JSON file has them all
COUNTS = (
    "orders synced",
    "orders held back",
    "groups",
    "items",
    "subitems",
    "adopted",
    "changed",
    "moved",
    "cancelled",
)


def as_markdown(plan: Plan) -> str:
    return "\n".join([*_head(plan), *_customers(plan), *_extras(plan), *_rejected(plan), *_orders(plan), *_held(plan)])


def _head(plan: Plan) -> Iterator[str]:
    yield "## What order_sync would do"
    yield ""
    if not plan.rows:
        yield "Nothing to do: no order that a run can claim is waiting."
        yield ""
        return
    total, cost = plan.total, plan.forecast
    done = [f"{name}: {total[name]:,}" for name in (*COUNTS, "rejected") if total[name]]
    yield f"{'; '.join(done)}. About {counted(cost.calls, 'call')} and {cost.seconds:,.0f} s."
    yield ""
    yield f"Planned at {plan.made_at}; nothing was written."
    yield ""
    for note in plan.notes:
        yield f"> {markdown(note)}"
        yield ""


def _customers(plan: Plan) -> Iterator[str]:
    shown = [name for name in (*COUNTS, "rejected") if plan.total[name]]
    rows = ([line["customer"], *(f"{line[name]:,}" for name in shown)] for line in plan.customers)
    yield from _table(["customer", *shown], rows) if plan.rows else ()


def _extras(plan: Plan) -> Iterator[str]:
    new = [["group", group.title, str(group.items)] for group in plan.groups if group.group_id is None]
    new += [["label", f"{of.column}: {label}", ""] for of in plan.labels for label in of.labels]
    if new:
        yield "### New groups and labels"
        yield ""
        yield from _table(["what", "name", "items"], new)


def _rejected(plan: Plan) -> Iterator[str]:
    if plan.rejected:
        yield "### Rejected"
        yield ""
        rows = (
            [row.order_number or row.record_uuid, row.kind, row.customer or "", row.reason or ""]
            for row in plan.rejected
        )
        yield from _table(["order", "row", "customer", "reason"], rows)


def _orders(plan: Plan) -> Iterator[str]:
    """The headers, and late lines, with what is sent; the lines of an order are only counted."""
    lines: dict[str, int] = {}
    for line in plan.of("line"):
        lines[line.record_uuid] = lines.get(line.record_uuid, 0) + 1
    headers = {row.record_uuid: row for row in plan.of("header")}
    late = {row.record_uuid: row for row in plan.of("line") if row.record_uuid not in headers}
    orders = [*headers.values(), *late.values()]
    if not orders:
        return
    yield "### Orders"
    yield ""
    rows = (
        [
            row.order_number or row.record_uuid,
            row.name or "",
            _what(row),
            f"{lines.get(row.record_uuid, 0):,}",
            _sent(row),
        ]
        for row in orders[:ORDERS_SHOWN]
    )
    yield from _table(["order", "name", "action", "lines", "sent"], rows)
    if len(orders) > ORDERS_SHOWN:
        yield f"... and {counted(len(orders) - ORDERS_SHOWN, 'more order')}: see the JSON file of the plan."
        yield ""


def _held(plan: Plan) -> Iterator[str]:
    if plan.held:
        yield "### Held: no run can take them up"
        yield ""
        for order in plan.held[:ORDERS_SHOWN]:
            yield f"- {markdown(str(order))}"
        yield ""


def _what(row: PlannedRow) -> str:
    if row.kind == "line":
        return "late lines"
    why = row.reason or row.held_back
    moved = (
        f", moved to {row.group}" if row.moves else f" in {row.group}" if row.group and row.happens == "create" else ""
    )
    return f"{row.happens.value}{moved}{f' ({why})' if why else ''}"


def _sent(row: PlannedRow) -> str:
    return "; ".join(f"{column}: {value}" for column, value in row.sent)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(map(markdown, row))} |"
    yield ""
