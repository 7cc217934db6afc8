"""DataFrames at the border of assets, and the metadata that people read.

In: plain rows. Out: frames of Python objects: None stays None, an id stays an int.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg
import numpy as np
import pandas as pd

from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.naming import Customers
from order_sync.orders.states import State
from order_sync.sync.rows import Row
from order_sync.text.plain_text import line

PREVIEW_ROWS = 10
VERSION = ("action", "outdated", "is_off", "created_at")  # what a row wants, and whether it still counts
T = TypeVar("T")


def of_asset(asset: dg.AssetKey, handlers: Mapping[str, T]) -> T:
    """What an IO manager has for an asset."""
    if asset.path[-1] not in handlers:
        raise OrderSyncError(f"This IO manager does not know asset {asset.to_user_string()}.", RunFault.NO_RUN)
    return handlers[asset.path[-1]]


def to_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame with exactly these columns, also when there are no rows."""
    cells = [[row.get(name) for name in columns] for row in rows]
    values = np.empty((len(cells), len(columns)), dtype=object)  # one block: pandas would make one of each column
    for number, row in enumerate(cells):
        values[number] = row
    return pd.DataFrame(values, columns=list(columns), dtype=object, copy=False)


def to_rows(frame: pd.DataFrame) -> Iterator[Row]:
    """The frame's rows, made one by one, with None for any value that pandas calls missing."""
    names, values = list(frame.columns), frame.to_numpy(dtype=object, copy=True)
    values[pd.isna(values)] = None
    return (dict(zip(names, row, strict=True)) for row in values)


def is_done(row: Mapping[str, Any]) -> bool:
    """Nothing is left to do for a row of a monday step, and it was not rejected in spite of that."""
    return bool(row["done"]) and row["sync_state"] != State.ERROR


def by_customer(rows: Iterable[Mapping[str, Any]], key: str = "customer") -> dg.MetadataValue[Any]:
    """Rows counted by customer, as a table."""
    customers = Customers()
    counts = Counter(customers.name(row[key]) for row in rows)
    return table([{"customer": name, "rows": count} for name, count in sorted(counts.items())])


def table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """Rows as a Dagster metadata table; values become what such a table can hold."""
    if not rows:
        return dg.MetadataValue.text("none")
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    kinds = {name: "int" if all(isinstance(row[name], int) for row in plain) else "string" for name in plain[0]}
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({n: v if kinds[n] == "int" else ("" if v is None else str(v)) for n, v in row.items()})
            for row in plain
        ],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in kinds.items()]),
    )


def preview(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dg.MetadataValue[Any]:
    """The first rows, as a table."""
    return table([{name: row.get(name) for name in columns} for row in rows[:PREVIEW_ROWS]])


def _plain(value: Any) -> Any:
    if isinstance(value, int) or value is None:
        return value
    return line(str(value))
