"""Held orders in one line a kind: how many, which first, and the one next step.

In: held orders, as held.py finds them. Out: plain text, the same for every command, the checks and the sensor.
Reads nothing, and never names a step that does not help with this kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from order_sync.database.held import HeldOrder
from order_sync.orders.codes import Cause
from order_sync.text.counted import counted

NAMED = 3  # orders of a kind that are named; each is somewhere with its reason


def holdups(held: Collection[HeldOrder]) -> list[str]:
    """By cause, in their order of rank; what runs hold is a line for each of them."""
    kinds: dict[tuple[Cause, str | None], list[HeldOrder]] = {}
    for cause in Cause:
        of_cause = [order for order in held if order.cause is cause]
        for order in sorted(of_cause, key=lambda order: order.run_id or ""):
            kinds.setdefault((cause, order.run_id if cause is Cause.HELD_BY_RUN else None), []).append(order)
    return [
        f"{cause}: {_what(cause, run, orders)} ({named(orders)}). Next: {cause.step}."
        for (cause, run), orders in kinds.items()
    ]


def named(orders: Collection[HeldOrder]) -> str:
    """The first of them, as people call them."""
    return first(order.order_number or order.record_uuid or f"delta_uuid {order.delta_uuid}" for order in orders)


def first(names: Iterator[str]) -> str:
    """The first few names, and how many more there are."""
    known = list(dict.fromkeys(names))
    rest = len(known) - NAMED
    return ", ".join(known[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _what(cause: Cause, run_id: str | None, orders: Collection[HeldOrder]) -> str:
    if cause is Cause.NO_RECORD_UUID:
        return counted(len(orders), "row without a record_uuid", "rows without a record_uuid")
    return f"{counted(len(orders), 'order')} held {cause.by.format(run=run_id)}"
