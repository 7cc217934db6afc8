"""The dry run's IO managers: every step goes through, nothing is written, and a report says what would happen.

In: the same frames as in a live run. Out: the rows that would be, kept in memory for the next step.
They hold read-only resources, which have no method that writes.
"""

from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from order_sync.errors import ConfigurationError, Fatal, OrderSyncError, Rejected, Transient
from order_sync.io_managers.board_work import Site, read_sites
from order_sync.io_managers.frames import Row, by_customer, let_go, preview, table, to_frame, to_rows
from order_sync.io_managers.monday import GROUPS, ITEMS, SUBITEMS
from order_sync.io_managers.queue import CLAIMABLE_HEADERS, CLAIMABLE_LINES, LINES, header_columns
from order_sync.monday.board import Board, check_mapping
from order_sync.monday.pacing import FIRST_COST, MINUTE_COMPLEXITY, QUERY_COMPLEXITY
from order_sync.monday.values import encode_row
from order_sync.orders.mapping import ColumnMap
from order_sync.orders.tables import CUSTOMER, ORDER_NUMBER
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.runs import RunRegistry
from order_sync.resources.sql_server import ReadOnlySqlServerResource

# Seconds that monday takes for one create, as seen on busy boards; only the dry run's forecast uses it.
SECONDS_PER_CREATE = 0.25
REPORT = "dry run"


class DryRunQueueIOManager(dg.ConfigurableIOManager):
    """Selects what a live run would claim. Writes nothing."""

    sql_server: dg.ResourceDependency[ReadOnlySqlServerResource]

    home: str = Field(description="Folder for run locks.")

    _claimed: dict[str, list[Row]] = PrivateAttr(default_factory=dict)
    _registry: RunRegistry = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None:
            raise OrderSyncError("The dry run needs a Dagster instance.")
        self._registry = RunRegistry(Path(self.home), context.instance)
        self.sql_server.check()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.sql_server.database.dispose()

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        name = context.asset_key.path[-1]
        reader = self.sql_server.reader
        if name == "ORDER_LIST_DELTA":
            return to_frame(reader.claimable_headers(self._over()), CLAIMABLE_HEADERS)
        if name == "ORDER_LIST_LINES_DELTA":
            return to_frame(reader.claimable_lines(self._over()), CLAIMABLE_LINES)
        columns = header_columns(reader)
        if name == "pending_lines":
            columns = [*LINES, *self.sql_server.mapping.board_sources]
        return to_frame(self._claimed[name], columns)

    def _over(self) -> list[str]:
        """Every run that holds rows and does not live on this machine: a live run would take those rows up."""
        holders = [lease.run_id for lease in self.sql_server.reader.leases()]
        return [run_id for run_id in holders if not self._registry.is_alive_here(run_id)]

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        name = context.asset_key.path[-1]
        reader = self.sql_server.reader
        rows = list(to_rows(obj))
        let_go(obj)
        keys = [row["delta_uuid"] for row in rows if "delta_uuid" in row]
        if name == "pending_headers":
            claimed = reader.headers(keys)
            self._claimed[name] = sorted(claimed, key=lambda r: (r[CUSTOMER] or "", r["created_at"], r["delta_uuid"]))
            shown = ["record_uuid", ORDER_NUMBER, CUSTOMER, "created_at"]
            extra = {"untouched UPDATE and DELETE rows": table(reader.untouched())}
        elif name == "pending_lines":
            self._claimed[name] = claimed = reader.lines(keys, sources=self.sql_server.mapping.board_sources)
            shown, extra = ["record_uuid", "line_uuid", "size_code", "qty"], {}
        else:
            claimed, shown, extra = rows, ["record_uuid"], {}
        context.add_output_metadata(
            {"dry_run": True, "dagster/row_count": len(claimed), "preview": preview(claimed, shown), **extra}
        )


class DryRunMondayIOManager(dg.ConfigurableIOManager):
    """Says what a live run would create. Writes nothing."""

    monday: dg.ResourceDependency[ReadOnlyMondayResource]
    sql_server: dg.ResourceDependency[ReadOnlySqlServerResource]

    _sites: dict[int, Site] = PrivateAttr(default_factory=dict)
    _note: str = PrivateAttr(default="")
    _planned: dict[str, list[Row]] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._ask_boards()

    def _ask_boards(self) -> None:
        """Reads the boards where there is a token; the plan is made without them otherwise."""
        mapping, reader = self.sql_server.mapping, self.monday.reader()
        board_ids = mapping.board_ids(self.monday.board_id)
        if reader is None or not board_ids:
            self._note = "No token or board is set: the board was not asked which groups and labels it has."
            return
        try:
            with reader:
                reader.check_version()
                sites = read_sites(reader, board_ids)
            for site in sites.values():
                check_mapping(site.board, site.subitems, mapping)
            self._sites = sites
        except ConfigurationError:
            raise
        except (Transient, Fatal) as error:
            self._note = f"The board was not asked which groups and labels it has: {error}"

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        name = context.asset_key.path[-1]
        columns = {"monday_groups": GROUPS, "monday_items": ITEMS, "monday_subitems": SUBITEMS}[name]
        return to_frame(self._planned[name], columns)

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        name = context.asset_key.path[-1]
        rows = list(to_rows(obj))
        let_go(obj)
        mapping = self.sql_server.mapping
        if name == "monday_groups":
            here = {board_id: site.board.groups for board_id, site in self._sites.items()}
            ids = [here.get(row["board_id"], {}).get(row["title"]) for row in rows]
            self._planned[name] = [
                row | {"group_id": group_id or "(new)", "create": group_id is None}
                for row, group_id in zip(rows, ids, strict=True)
            ]
            metadata = self._count(name)
        elif name == "monday_items":
            there = {row["delta_uuid"]: row["monday_item_id"] for row in self.sql_server.reader.headers(_keys(rows))}
            self._planned[name] = self._plan(
                rows,
                mapping.items.columns,
                {board_id: site.board for board_id, site in self._sites.items()},
                "monday_item_id",
                there,
            )
            metadata = self._count(name)
        elif name == "monday_subitems":
            there = {row["delta_uuid"]: row["monday_subitem_id"] for row in self.sql_server.reader.lines(_keys(rows))}
            self._planned[name] = self._plan(
                rows,
                mapping.subitems.columns,
                {board_id: site.subitems for board_id, site in self._sites.items() if site.subitems},
                "monday_subitem_id",
                there,
            )
            metadata = self._count(name) | {REPORT: dg.MetadataValue.json(self._report())}
        else:
            raise OrderSyncError(f"Asset {name} is not kept by the monday IO manager.")
        context.add_output_metadata({"dry_run": True, "dagster/row_count": len(rows), **metadata})

    def _plan(
        self,
        rows: list[Row],
        columns: tuple[ColumnMap, ...],
        boards: Mapping[int, Board],
        id_name: str,
        there: Mapping[str, int | None],
    ) -> list[Row]:
        """Each row with its id, a placeholder (below 0) for one to be created, none where it would be rejected."""
        placeholder = count(-1, -1)
        planned = []
        for row in rows:
            known = there.get(row["delta_uuid"])
            reason = None
            if known is None:
                board = boards.get(row["board_id"])
                reason = row["rejection"] or (self._refusal(row, columns, board) if board else None)
            planned.append(
                row
                | {
                    id_name: known if known is not None else None if reason else next(placeholder),
                    "sync_state": "ERROR" if reason else "PENDING",
                    "reason": reason,
                    "create": known is None and not reason,
                    "created_at": None,
                }
            )
        return planned

    def _refusal(self, row: Row, columns: tuple[ColumnMap, ...], board: Board) -> str | None:
        try:
            encode_row(columns, row["values"], board.labels)
        except Rejected as error:
            return str(error)
        return None

    def _count(self, name: str) -> dict[str, Any]:
        planned = self._planned[name]
        create = [row for row in planned if row["create"]]
        rejected = [row for row in planned if row.get("reason")]
        return {
            "would create": len(create),
            "would be rejected": len(rejected),
            "customers": by_customer(create),
            "rejected rows": table(
                [
                    {"record_uuid": row["record_uuid"], "name": row["name"], "reason": row["reason"]}
                    for row in rejected[:200]
                ]
            ),
            **({"note": self._note} if self._note else {}),
        }

    def _report(self) -> dict[str, Any]:
        """What a live run would do, by customer and in all; calls and time are those of full batches."""
        customers: dict[str, dict[str, int]] = defaultdict(
            lambda: {"groups": 0, "items": 0, "subitems": 0, "rejected": 0}
        )
        for name, kind in (("monday_groups", "groups"), ("monday_items", "items"), ("monday_subitems", "subitems")):
            for row in self._planned[name]:
                of = customers[str(row["customer"] or "(no customer)")]
                of[kind] += 1 if row["create"] else 0
                of["rejected"] += 1 if row.get("reason") else 0
        lines: list[Row] = [
            {"customer": name} | counts | self._cost(counts) for name, counts in sorted(customers.items())
        ]
        total = {
            kind: sum(counts[kind] for counts in customers.values())
            for kind in ("groups", "items", "subitems", "rejected")
        }
        rejected = [
            {"record_uuid": row["record_uuid"], "name": row["name"], "reason": row["reason"]}
            for name in ("monday_items", "monday_subitems")
            for row in self._planned[name]
            if row["reason"]
        ]
        return {"customers": lines, "total": total | self._cost(total), "rejected": rejected, "note": self._note}

    def _cost(self, counts: dict[str, int]) -> Row:
        """Calls, complexity and seconds for this many creates."""
        batch = min(self.monday.largest_batch, QUERY_COMPLEXITY // FIRST_COST)
        batch = max(1, min(batch, int(self.monday.batch_seconds / SECONDS_PER_CREATE)))
        creates = counts["groups"] + counts["items"] + counts["subitems"]
        complexity = creates * FIRST_COST
        return {
            "calls": sum(ceil(counts[kind] / batch) for kind in ("groups", "items", "subitems")),
            "complexity": complexity,
            "seconds": round(max(creates * SECONDS_PER_CREATE, complexity / MINUTE_COMPLEXITY * 60), 1),
        }


def _keys(rows: list[Row]) -> list[str]:
    return [row["delta_uuid"] for row in rows]
