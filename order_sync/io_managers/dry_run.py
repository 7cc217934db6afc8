"""The dry run's IO managers: every step goes through, nothing is written, and a plan says what would happen.

In: the same frames as in a live run. Out: the rows that would be, kept in memory for the next step; at the end a
`Plan`, in the assets' metadata and, for a run that Dagster keeps, in a file of its own. No table and no board is
written: they hold read-only resources, which have no method that writes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from order_sync.database.held import held_orders
from order_sync.io_managers.frames import by_customer, of_asset, preview, table, to_frame, to_rows
from order_sync.io_managers.monday import GROUPS, ITEMS, SUBITEMS
from order_sync.io_managers.queue import (
    CLAIMABLE_HEADERS,
    CLAIMABLE_LINES,
    HELD,
    headers_frame,
    held_table,
    lines_frame,
)
from order_sync.monday.client import MondayReader
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.resources.by_run import ByRun
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.runs import RunRegistry
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.decide import Decision, Happens
from order_sync.sync.draft import Draft
from order_sync.sync.forecast import Pace
from order_sync.sync.plan import Plan, PlannedRow, table_rows, write_json
from order_sync.sync.planner import Planner
from order_sync.sync.rows import Row

T = TypeVar("T")
SHOWN = 200  # rows of a table in metadata
FILES_KEPT = 20  # plans in the folder; the oldest goes first


class Drafts(ByRun[Draft]):
    """The drafts of this process's dry runs: what the steps of a run have found, and its plan at the end."""

    def __init__(self) -> None:
        super().__init__(Draft)


class DryRunQueueIOManager(dg.ConfigurableIOManager):
    """Selects what a live run would claim, and says at the end what it would commit. Writes no table."""

    sql_server: dg.ResourceDependency[ReadOnlySqlServerResource]
    drafts: dg.ResourceDependency[Drafts]

    home: str = Field(description="Folder for run locks, and for the files of plans.")

    _registry: RunRegistry = PrivateAttr()
    _draft: Draft = PrivateAttr()
    _file: Path | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None or context.run is None:
            raise OrderSyncError("The dry run needs a Dagster instance and a run.", RunFault.NO_RUN)
        self._registry = RunRegistry(Path(self.home), context.instance)
        self._draft = self.drafts.of(context.run.run_id)
        # A run that Dagster does not record writes no file either.
        if not context.instance.is_ephemeral:
            self._file = Path(self.home) / "dry_runs" / f"{context.run.run_id}.json"
        self.sql_server.check()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if context.run is not None and self._file is not None:
            self.drafts.take(context.run.run_id)
        self.sql_server.database.dispose()

    # ---- loading ----------------------------------------------------------------------------------

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return of_asset(context.asset_key, LOADS)(self)

    def _waiting_headers(self) -> pd.DataFrame:
        return to_frame(self.sql_server.reader.claimable_headers(self._over()), CLAIMABLE_HEADERS)

    def _waiting_lines(self) -> pd.DataFrame:
        return to_frame(self.sql_server.reader.claimable_lines(self._over()), CLAIMABLE_LINES)

    def _claimed_headers(self) -> pd.DataFrame:
        headers = kept(self._draft.headers, "pending_headers")
        return headers_frame(headers.values(), self.sql_server.reader)

    def _claimed_lines(self) -> pd.DataFrame:
        lines = (self._draft.without_deleted(line) for line in kept(self._draft.lines, "pending_lines").values())
        return lines_frame(lines, self.sql_server.reader, self.sql_server.mapping)

    def _over(self) -> list[str]:
        """Every run that holds rows and does not live on this machine: a live run would take those rows up."""
        holders = [lease.run_id for lease in self.sql_server.reader.leases()]
        return [run_id for run_id in holders if not self._registry.is_alive_here(run_id)]

    # ---- handling ---------------------------------------------------------------------------------

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        metadata = of_asset(context.asset_key, STORES)(self, context, obj)
        context.add_output_metadata({"dry_run": True, **metadata})

    def _headers(self, _context: dg.OutputContext, wanted: pd.DataFrame) -> dict[str, Any]:
        reader = self.sql_server.reader
        claimed = reader.headers(list(wanted["delta_uuid"]))
        self._draft.headers = {row["delta_uuid"]: row for row in claimed}
        return {
            "dagster/row_count": len(claimed),
            "customers": by_customer(claimed, CUSTOMER),
            "preview": preview(claimed, ["record_uuid", ORDER_NUMBER, CUSTOMER, "created_at"]),
        }

    def _lines(self, _context: dg.OutputContext, wanted: pd.DataFrame) -> dict[str, Any]:
        keys = list(wanted["delta_uuid"])
        claimed = self.sql_server.reader.lines(keys, sources=self.sql_server.mapping.board_sources)
        self._draft.lines = {row["delta_uuid"]: row for row in claimed}
        return {
            "dagster/row_count": len(claimed),
            "customers": by_customer(claimed),
            "preview": preview(claimed, ["record_uuid", "line_uuid", "size_code", "qty"]),
        }

    def _report_plan(self, context: dg.OutputContext, _wanted: pd.DataFrame) -> dict[str, Any]:
        """The whole plan: this is the last step."""
        cost = kept(self._draft.forecast, "monday_subitems")
        made = self._draft.make_plan(self.sql_server.reader.tables, self.sql_server.mapping, cost)
        mine = {row.record_uuid for row in made.rows}
        held = [
            order for order in held_orders(self.sql_server.reader, over=self._over()) if order.record_uuid not in mine
        ]
        plan = self._draft.plan = replace(made, held=held)
        total = plan.total
        context.log.info(f"dry run: {total}")
        return {
            "dagster/row_count": total["orders synced"],
            "orders held back": total["orders held back"],
            "rejected": total["rejected"],
            "calls": cost.calls,
            "complexity": cost.complexity,
            "seconds": cost.seconds,
            "share of the daily calls": table([{"plan": s.plan, "share": f"{s.share:.1%}"} for s in cost.shares]),
            "calls of this dry run": plan.calls_made,
            "note": " ".join(plan.notes) or "none",
            "customers": table(plan.customers),
            "rejected rows": rows_table(plan.rejected),
            HELD: held_table(plan.held),
            "orders": rows_table(plan.of("header") or plan.of("line")),
            **self._file_of(plan),
        }

    def _report_lines(self, _context: dg.OutputContext, _wanted: pd.DataFrame) -> dict[str, Any]:
        synced = [row for row in kept(self._draft.plan, "order_list").of("line") if not row.held_back]
        return {"dagster/row_count": len(synced), "lines": rows_table(synced)}

    def _file_of(self, plan: Plan) -> dict[str, Any]:
        if self._file is None:
            return {}
        write_json(plan, self._file)
        with suppress(FileNotFoundError):  # another dry run tidies up as well
            for old in sorted(self._file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-FILES_KEPT]:
                old.unlink()
        return {"plan": dg.MetadataValue.path(self._file.resolve())}


LOADS: Mapping[str, Callable[[DryRunQueueIOManager], pd.DataFrame]] = {
    "ORDER_LIST_DELTA": DryRunQueueIOManager._waiting_headers,
    "ORDER_LIST_LINES_DELTA": DryRunQueueIOManager._waiting_lines,
    "pending_headers": DryRunQueueIOManager._claimed_headers,
    "pending_lines": DryRunQueueIOManager._claimed_lines,
}
STORES: Mapping[str, Callable[[DryRunQueueIOManager, dg.OutputContext, pd.DataFrame], dict[str, Any]]] = {
    "pending_headers": DryRunQueueIOManager._headers,
    "pending_lines": DryRunQueueIOManager._lines,
    "order_list": DryRunQueueIOManager._report_plan,
    "order_list_lines": DryRunQueueIOManager._report_lines,
}


class DryRunMondayIOManager(dg.ConfigurableIOManager):
    """Says what a live run would create. Writes nothing."""

    monday: dg.ResourceDependency[ReadOnlyMondayResource]
    sql_server: dg.ResourceDependency[ReadOnlySqlServerResource]
    drafts: dg.ResourceDependency[Drafts]

    writers: int = Field(default=1, description="Concurrent requests to one board in a live run.")
    bulk_rows: int = Field(
        default=0, description="A live run may import the new items of a group if there are at least this many."
    )
    bulk_cancels: int = Field(
        default=0, description="A live run may archive cancelled items by a job if there are at least this many."
    )
    board_checks: int = Field(
        default=0, description="Number of items that the checks of a live run look up on the board."
    )

    _draft: Draft = PrivateAttr()
    _planner: Planner = PrivateAttr()
    _planned: dict[str, list[Row]] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.run is None:
            raise OrderSyncError("The dry run needs a run.", RunFault.NO_RUN)
        self._draft = self.drafts.of(context.run.run_id)
        self._planner = Planner(
            self._draft,
            self.sql_server.reader,
            self.sql_server.mapping,
            board_id=self.monday.board_id,
            monday=self.monday.reader(),
            pace=self._pace,
        )
        self._planner.ask_boards()

    def _pace(self, reader: MondayReader | None) -> Pace:
        return Pace(
            first_batch=self.monday.first_batch,
            largest_batch=self.monday.largest_batch,
            batch_seconds=self.monday.batch_seconds,
            writers=self.writers,
            bulk_rows=self.bulk_rows,
            bulk_cancels=self.bulk_cancels,
            board_checks=self.board_checks,
            minute_points=reader.pacer.quota if reader else None,
            minute_calls=reader.pacer.minute_calls if reader else None,
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        name = context.asset_key.path[-1]
        columns, _, _ = of_asset(context.asset_key, STEPS)
        return to_frame(kept(self._planned.get(name), name), columns)

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        name = context.asset_key.path[-1]
        _, step, report = of_asset(context.asset_key, STEPS)
        rows = list(to_rows(obj))
        self._planned[name] = step(self._planner, rows)
        metadata = report(self, name)
        note = {"note": " ".join(self._draft.notes)} if self._draft.notes else {}
        context.add_output_metadata({"dry_run": True, "dagster/row_count": len(rows), **metadata, **note})

    def _report_groups(self, _name: str) -> dict[str, Any]:
        groups = self._draft.groups
        shown = [
            {
                "board": group.board_id,
                "group": group.title,
                "customer": group.customer,
                "items": group.items,
                "happens": "create" if group.group_id is None else "already there",
            }
            for group in groups[:SHOWN]
        ]
        return {"would create": sum(group.group_id is None for group in groups), "groups": table(shown)}

    def _report_rows(self, name: str) -> dict[str, Any]:
        decided = self._draft.decided(name)
        happens = {kind: [of for of in decided if of.happens is kind] for kind in Happens}
        return {
            "would create": len(happens[Happens.CREATE]),
            "would adopt": len(happens[Happens.ADOPT]),
            "would change": len(happens[Happens.CHANGE]),
            "would cancel": len(happens[Happens.CANCEL]),
            "already there": len(happens[Happens.THERE]),
            "would be rejected": len(happens[Happens.REJECT]),
            "customers": by_customer([of.row for of in happens[Happens.CREATE]]),
            "rows": decided_table(decided),
            "rejected rows": decided_table(happens[Happens.REJECT]),
            "labels that would be made": table(
                [
                    {
                        "board": new.board_id,
                        "column": new.column,
                        "labels": ", ".join(new.labels),
                        "used then": f"{new.used_then} of about {new.limit}",
                    }
                    for new in self._draft.new_labels(self.sql_server.mapping, name)
                ]
            ),
            "room on the boards": table(
                [
                    {"board": of.name, "there": of.there, "new": of.new, "limit": of.limit, "too many": of.overflow}
                    for of in self._draft.room(name)
                ]
            ),
        }


# Of each asset: the columns that are read back, what plans it, and what reports on it.
STEPS: Mapping[
    str,
    tuple[
        Sequence[str], Callable[[Planner, list[Row]], list[Row]], Callable[[DryRunMondayIOManager, str], dict[str, Any]]
    ],
] = {
    "monday_groups": (GROUPS, Planner.groups, DryRunMondayIOManager._report_groups),
    "monday_items": (ITEMS, Planner.items, DryRunMondayIOManager._report_rows),
    "monday_subitems": (SUBITEMS, Planner.subitems, DryRunMondayIOManager._report_rows),
}


def decided_table(decided: Sequence[Decision]) -> dg.MetadataValue[Any]:
    """The first decisions of a step, for metadata."""
    return table(
        [
            {
                "name": of.row["name"],
                "customer": of.row["customer"],
                **({"group": of.row["group"]} if "group" in of.row else {}),
                "happens": of.happens.value,
                "why": of.reason,
                "monday id": of.monday_id,
                "sent": of.values,
                "record_uuid": of.row["record_uuid"],
            }
            for of in decided[:SHOWN]
        ]
    )


def rows_table(rows: Sequence[PlannedRow]) -> dg.MetadataValue[Any]:
    """The first rows, for metadata."""
    return table(table_rows(rows[:SHOWN]))


def kept(found: T | None, step: str) -> T:
    """What a step of this run has left in memory."""
    if found is None:
        raise OrderSyncError(
            f"A dry run keeps nothing from an earlier run: it must include {step}. Run all steps.", RunFault.NO_RUN
        )
    return found
