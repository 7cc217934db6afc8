"""Explains error codes to the people in charge of the orders.

In: a code of monday or a Rule of order_sync. Out: a title and the next step. Never sends anybody to a source file.
"""

from __future__ import annotations

from dataclasses import dataclass

from order_sync.database.tables import TableNames
from order_sync.orders.catalogue import what_to_do
from order_sync.orders.codes import Rule


@dataclass(frozen=True, kw_only=True)
class Advice:
    """`by` is who rejects the row; order_sync does so before anything is sent."""

    code: Rule
    title: str
    next: str
    by: str


def advice(code: str | None, names: TableNames) -> Advice:
    """The advice for a code as the log has it, known or unknown; None means that there is no code."""
    rule = Rule.of(code)
    named = {
        "headers": names.header_queue,
        "lines": names.line_queue,
        "orders": names.orders,
        "order_lines": names.order_lines,
    }
    by = "unknown" if not code else "monday" if rule.is_mondays else "order_sync"
    return Advice(code=rule, title=rule.heading, next=what_to_do(rule, named), by=by)
