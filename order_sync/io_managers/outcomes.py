"""What a run has done, counted for people.

In: the outcomes of its rows, as the tables count them. Out: the counts by customer, or of one kind of row.
"""

from order_sync.database.counts import OUTCOMES
from order_sync.orders.naming import NO_CUSTOMER
from order_sync.orders.states import State
from order_sync.sync.rows import Row


def per_customer(counted: list[Row]) -> list[Row]:
    """The outcomes of a run's rows, by customer. Every row is synced, rejected or waiting."""
    counts: dict[str, Row] = {}
    for found in counted:
        of = counts.setdefault(found["customer"] or NO_CUSTOMER, dict.fromkeys(OUTCOMES, 0))
        of["items" if found["row"] == "header" else "subitems"] += found["made"]
        if found["state"] == State.SYNCED:
            of[f"{found['row']}s synced"] += found["rows"]
        elif found["state"] == State.ERROR:
            of["rejected"] += found["rows"]
        else:
            of["waiting"] += found["rows"]
    return [{"customer": name} | of for name, of in sorted(counts.items())]


def synced(counted: list[Row], row: str) -> int:
    return sum(found["rows"] for found in counted if found["row"] == row and found["state"] == State.SYNCED)
