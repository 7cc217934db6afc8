"""Rows counted by customer, where the database counts by spelling: its collation must not decide who is who.

In: a query that counts by `spelling`, or its rows. Out: one row for each customer, as it was first spelled.
Never groups by the customer's column itself: a collation may take two customers for one, or one for two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Row
from order_sync.orders.naming import NO_CUSTOMER, Customers

LONGEST = 8_000  # bytes; more than any customer's name has


def spelling(customer: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What to group by: the name byte by byte. Select `sa.func.max` of the name with it."""
    return sa.cast(customer, sa.LargeBinary().with_variant(sa.VARBINARY(LONGEST), "mssql"))


def merged(rows: Iterable[Row], *, add: Sequence[str], least: str, customers: Customers | None = None) -> list[Row]:
    """Rows that differ in nothing but the spelling of their `customer`, made one; nobody is None.

    Numbers in the columns `add` are added up, and `least` is the least of them. What has the least comes first, so
    that its spelling is the one shown, unless `customers` has seen another before.
    """
    customers = customers or Customers()
    found: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: (_sortable(row[least]), _sortable(row["customer"]))):
        name = customers.name(row["customer"])
        one = row | {"customer": None if name == NO_CUSTOMER else name}
        first = found.setdefault(tuple(one[column] for column in one if column not in (*add, least)), one)
        if first is not one:
            first |= {column: first[column] + one[column] for column in add}
            first[least] = one[least] if first[least] is None else first[least]
    return list(found.values())


def _sortable(value: Any) -> str:
    """Times as text sort as they are; empty values come first."""
    return "" if value is None else str(value)
