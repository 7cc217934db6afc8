"""Which customers there are, and who was probably meant by a name that none of them has.

In: a database, and the names that somebody asks for. Out: nothing, or a ConfigurationError with the nearest names.
Reads only. A customer with nothing waiting is no error; a misspelt one must not look like that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.customers import spelling
from order_sync.database.tables import Tables
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.naming import CUSTOMER, Customers, customer_key
from order_sync.orders.nearest import nearest
from order_sync.orders.states import State

SHOWN = 10


def check_customers(database: Database, tables: Tables, asked: Iterable[str]) -> None:
    """Raises ConfigurationError if one of these is no customer of any order, in any spelling."""
    asked = [name for name in asked if customer_key(name)]  # "" asks for the orders of nobody
    if not asked:
        return
    waiting = waiting_customers(database, tables)
    # Who waits is found by an index, the others by reading a whole table: that is for a name that may be wrong.
    if not (others := _missing(asked, waiting)):
        return
    every = known_customers(database, tables)
    if unknown := _missing(others, every):
        named = ", ".join(f"'{name}'{_meant(name, waiting, every)}" for name in unknown)
        more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
        raise ConfigurationError(
            f"No order has the customer {named}. "
            f"Customers with waiting orders: {', '.join(waiting[:SHOWN]) or 'none'}{more}.",
            SettingsFault.UNKNOWN_CUSTOMER,
        )


def waiting_customers(database: Database, tables: Tables) -> list[str]:
    """The customers of headers that wait or are rejected, sorted."""
    h = tables.header_queue
    return _names(database, h, h.c.sync_state.in_([State.NEW, State.PENDING, State.ERROR]))


def known_customers(database: Database, tables: Tables) -> list[str]:
    """Every customer that an order or a queue row has, sorted."""
    return Customers([*_names(database, tables.header_queue), *_names(database, tables.orders)]).names


def _names(database: Database, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[str]:
    customer = table.c[CUSTOMER]
    found = sa.select(sa.func.max(customer)).where(customer.is_not(None), *where).group_by(spelling(customer))
    if "created_at" in table.c:  # the first spelling is the one that is shown
        found = found.order_by(sa.func.min(table.c.created_at))
    return Customers(name for name in database.column(found) if customer_key(name)).names


def _missing(asked: Iterable[str], known: Iterable[Any]) -> list[str]:
    keys = {customer_key(name) for name in known}
    return [name for name in asked if customer_key(name) not in keys]


def _meant(name: str, waiting: list[str], every: list[str]) -> str:
    """The nearest one with orders that wait, and the nearest of all."""
    found = [near for near in (nearest(name, waiting), nearest(name, every)) if near]
    names = " or ".join(f"'{near}'" for near in dict.fromkeys(found))
    return f" (did you mean {names}?)" if names else ""
