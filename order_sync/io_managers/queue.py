"""The queue IO manager: claims the rows that an asset selects, commits complete orders, and reads the result back.

In: frames of queue rows that ought to be claimed or SYNCED. Out: the rows that are, from the tables.
What a step keeps in memory only spares the next one a look at the tables: a run can be re-executed from any step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from filelock import FileLock
from pydantic import Field, PrivateAttr

from order_sync.database.claims import OrderQueue
from order_sync.database.commit import Held, readiness
from order_sync.database.counts import Unclear, outcomes
from order_sync.database.expected import differing_from
from order_sync.database.held import HeldOrder, unexpected
from order_sync.database.housekeeping import Expired, remove_expired, tidy
from order_sync.database.queue import QueueReader
from order_sync.io_managers.frames import VERSION, by_customer, of_asset, preview, table, to_frame
from order_sync.io_managers.outcomes import per_customer, synced
from order_sync.orders.codes import Cause
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import State
from order_sync.resources.run_codes import tag_open, tag_reasons, tags_failure
from order_sync.resources.run_records import EXPIRING, expire_runs
from order_sync.resources.run_report import Ending, RunReports
from order_sync.resources.runs import RunRegistry
from order_sync.resources.scope import follows_plan
from order_sync.resources.sql_server import SqlServerResource
from order_sync.sync.plan_file import taken_by_another
from order_sync.sync.rows import Row
from order_sync.text.counted import counted
from order_sync.text.excerpt import IN_TRACE, log_first

HELD = "orders that no run can take up"
STEPS = ("pending_headers", "pending_lines", "monday_groups", "monday_items", "monday_subitems")
CLAIMABLE_HEADERS = ["delta_uuid", "record_uuid", "customer", "order_number", "created_at"]
CLAIMABLE_LINES = ["delta_uuid", "line_uuid", "record_uuid", "customer", "created_at", "late"]
LINES = [
    "delta_uuid",
    "line_uuid",
    "record_uuid",
    "customer",
    "size_code",
    "qty",
    "monday_subitem_id",
    "parent_item_id",
    "order_item_id",
    "has_line",
    "late",
    *VERSION,
]


def header_columns(reader: QueueReader) -> list[str]:
    """The columns of a claimed header, as QueueReader.claimed_headers gives them."""
    own = ["delta_uuid", "record_uuid", "GroupMonday", "monday_group_id", "monday_item_id", "has_order", *VERSION]
    return [*own, "item_board_id", *(column.name for column in reader.tables.order_columns)]


def headers_frame(headers: Iterable[Row], reader: QueueReader) -> pd.DataFrame:
    """Claimed headers, with the board that has their item already: a rule may choose another one since, or none."""
    return to_frame(headers, header_columns(reader))


def lines_frame(lines: Iterable[Row], reader: QueueReader, mapping: ColumnMapping) -> pd.DataFrame:
    """Claimed lines with what their board is chosen by: item_board_id, for lines whose item is there already.

    Those are late whose header the run does not hold.
    """
    rows = list(lines)
    boards = reader.item_boards({row["record_uuid"] for row in rows if row["order_item_id"] is not None})
    for row in rows:
        row |= {"item_board_id": boards.get(row["order_item_id"]), "late": not row.get("own_header")}
    return to_frame(rows, [*LINES, "item_board_id", *mapping.board_sources])


def held_table(held: Sequence[HeldOrder]) -> dg.MetadataValue[Any]:
    """Orders that no run can take up as they are: the first of them, those that nothing else reports before others."""
    first = sorted(held, key=lambda order: order.cause in (Cause.REJECTED, Cause.HELD_BY_RUN))
    return table([asdict(order) for order in first[:200]])


def _held(held: Sequence[Held]) -> dg.MetadataValue[Any]:
    return table([{"record_uuid": of.record_uuid, "reason": of.reason} for of in held[:200]])


@dataclass(frozen=True, kw_only=True)
class _AfterCommit:
    """How a run has ended, by the tables."""

    outcomes: list[Row]
    errors: list[Row]
    headers: list[Row]
    lines: list[Row]
    differing_orders: list[Row]
    differing_lines: list[Row]
    expired: Expired


class QueueIOManager(dg.ConfigurableIOManager):
    """Claims, commits and reads in the site's tables."""

    sql_server: dg.ResourceDependency[SqlServerResource]
    reports: dg.ResourceDependency[RunReports]
    home: str = Field(description="Folder for run locks.")
    runs_kept: int = Field(
        default=0, description="Number of runs of the job that Dagster keeps, the newest first; 0: all."
    )

    _instance: dg.DagsterInstance = PrivateAttr()
    _registry: RunRegistry = PrivateAttr()
    _run_id: str = PrivateAttr()
    _exact: bool = PrivateAttr()  # the run follows a plan, and touches no other row
    _job_name: str = PrivateAttr()
    _lock: FileLock = PrivateAttr()
    _ended: list[str] | None = PrivateAttr(default=None)  # runs that hold rows although they have ended
    _unclear: Unclear | None = PrivateAttr(default=None)  # rows, as the queue had them with the waiting headers
    _waiting_after: list[Row] | None = PrivateAttr(default=None)  # lines, as they waited once the headers were claimed
    _waiting: int = PrivateAttr(default=0)  # rows that the present step could claim
    _headers: list[Row] | None = PrivateAttr(default=None)  # as they were claimed; every write names the run again
    _lines: list[Row] | None = PrivateAttr(default=None)
    _after: _AfterCommit = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None or context.run is None:
            raise OrderSyncError("The queue IO manager needs a Dagster instance and a run.", RunFault.NO_RUN)
        self._run_id, self._job_name = context.run.run_id, context.run.job_name
        self._exact = follows_plan(context.run)
        self._instance = context.instance
        self._registry = RunRegistry(Path(self.home), context.instance)
        with tags_failure(self._instance, self._run_id):
            self._registry.refuse_dry_run(context.run)
            self.sql_server.check()
            self._lock = self._registry.enter(self._run_id)
            self._registry.report_dead()
            self._take_over(context.run, context.log)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._registry.leave(self._run_id, self._lock)
        self.sql_server.database.dispose()

    @property
    def _queue(self) -> OrderQueue:
        return self.sql_server.queue

    # ---- loading ----------------------------------------------------------------------------------

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return of_asset(context.asset_key, LOADS)(self)

    def _waiting_headers(self) -> pd.DataFrame:
        return self._claimable(self._look(self._look_at_headers), CLAIMABLE_HEADERS)

    def _waiting_lines(self) -> pd.DataFrame:
        lines, self._waiting_after = self._waiting_after, None
        return self._claimable(self._look(self._look_at_lines) if lines is None else lines, CLAIMABLE_LINES)

    def _claimed_headers(self) -> pd.DataFrame:
        headers = self._headers if self._headers is not None else self._queue.claimed_headers(self._run_id)
        return headers_frame(headers, self._queue)

    def _claimed_lines(self) -> pd.DataFrame:
        mapping, (lines, self._lines) = self.sql_server.mapping, (self._lines, None)
        if lines is None:
            lines = self._queue.claimed_lines(self._run_id, sources=mapping.board_sources)
        return lines_frame(lines, self._queue, mapping)

    def _claimable(self, rows: list[Row], columns: list[str]) -> pd.DataFrame:
        self._waiting = len(rows)
        return to_frame(rows, columns)

    def _look(self, read: Callable[[list[str]], list[Row]]) -> list[Row]:
        def look() -> list[Row]:
            if self._ended is None:
                self._ended = self.reports.of(self._run_id).ended = self._over()
            return read(self._ended)

        return self._queue.database.together(look)

    def _look_at_headers(self, ended: list[str]) -> list[Row]:
        self._unclear = self._queue.unclear()
        return self._queue.claimable_headers(ended, self._unclear)

    def _look_at_lines(self, ended: list[str]) -> list[Row]:
        return self._queue.claimable_lines(ended, self._unclear)

    def _over(self) -> list[str]:
        """Runs that hold rows although they have ended."""
        leases = self._queue.leases()
        self.reports.of(self._run_id).any_leases = bool(leases)
        holders = [lease.run_id for lease in leases if lease.run_id != self._run_id]
        return self._registry.over(holders)

    def _take_over(self, run: dg.DagsterRun, log: dg.DagsterLogManager | None) -> None:
        """Takes over the rows of the previous run, if that run has finished.

        That is the run that this one re-executes from failure or, for somebody who materializes step by step, the run
        that made the step before. Before the first step: which input a step loads first is Dagster's choice.
        """
        before = {run.parent_run_id, run.root_run_id}
        # An empty selection is that of checks started by themselves: they take nothing.
        if run.asset_selection and dg.AssetKey("pending_headers") not in run.asset_selection:
            for step in STEPS:
                latest = self._instance.get_latest_materialization_event(dg.AssetKey(step))
                before.add(latest.run_id if latest else None)
        over = self._over() if before != {None} else []
        if before.intersection(over):
            self._queue.log_unfinished(over)
        for run_id in over:
            if run_id in before:
                taken = self._queue.take_over(self._run_id, run_id, over)
                if log is not None:
                    log.info(f"took over {counted(taken, 'row')} from run {run_id}")

    # ---- handling ---------------------------------------------------------------------------------

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        of_asset(context.asset_key, STORES)(self, context, obj)

    def _claim_headers(self, context: dg.OutputContext, wanted: pd.DataFrame) -> None:
        queue = self._queue
        unclear = self._unclear if not self._exact else None
        if unclear and unclear.any_nameless and (nameless := queue.reject_without_order(self._run_id)):
            rows = counted(nameless, "row names", "rows name")
            context.log.warning(f"{rows} no order and became ERROR: see record_uuid of the rejected rows")
        ended = self._ended or []

        def look() -> list[Row]:
            self._waiting_after = self._look_at_lines(ended)
            return queue.claimed_headers(self._run_id)

        if self.reports.of(self._run_id).any_leases:
            queue.log_unfinished(ended)
        claimed = self._headers = queue.claim_headers(self._run_id, list(wanted["delta_uuid"]), ended, look)
        self._check_claimed(len(wanted), len(claimed))
        for run_id in ended if not self._exact else ():  # the rows that this run does not claim
            tidy(f"Releasing the rows of run {run_id}", partial(queue.release, run_id), context.log.warning)
        report = self.reports.of(self._run_id)
        report.headers, report.headers_claimed = claimed, len(claimed)
        context.log.info(f"claimed {len(claimed)} of {self._waiting} waiting headers")
        context.log_event(
            dg.AssetMaterialization(
                "ORDER_LIST_DELTA", description="Read by this run.", metadata={"waiting headers": self._waiting}
            )
        )
        context.add_output_metadata(
            {
                "dagster/row_count": len(claimed),
                "record_uuids": len({row["record_uuid"] for row in claimed}),
                "customers": by_customer(claimed, CUSTOMER),
                "preview": preview(claimed, ["record_uuid", ORDER_NUMBER, CUSTOMER, "GroupMonday", "created_at"]),
            }
        )

    def _check_claimed(self, wanted: int, claimed: int) -> None:
        """Raises PlanChanged if the run follows a plan and did not get all of its rows."""
        if self._exact and claimed < wanted:
            self._queue.release(self._run_id)
            raise taken_by_another(wanted - claimed)

    def _claim_lines(self, context: dg.OutputContext, wanted: pd.DataFrame) -> None:
        keys, sources = list(wanted["delta_uuid"]), self.sql_server.mapping.board_sources
        claimed = self._lines = self._queue.claim_lines(self._run_id, keys, self._ended or [], sources=sources)
        self._check_claimed(len(wanted), len(claimed))
        self.reports.of(self._run_id).lines_claimed = len(claimed)
        context.log.info(f"claimed {len(claimed)} of {self._waiting} waiting lines")
        context.log_event(
            dg.AssetMaterialization(
                "ORDER_LIST_LINES_DELTA", description="Read by this run.", metadata={"waiting lines": self._waiting}
            )
        )
        context.add_output_metadata(
            {
                "dagster/row_count": len(claimed),
                "late lines": int(wanted["late"].sum()),
                "customers": by_customer(claimed),
                "preview": preview(claimed, ["record_uuid", "line_uuid", "customer", "size_code", "qty"]),
            }
        )

    def _commit(self, context: dg.OutputContext, wanted: pd.DataFrame) -> None:
        queue = self._queue
        report = self.reports.of(self._run_id)
        ready, report.ready = report.ready or readiness(queue, self._run_id, self._ended or []), None
        committed, after = self.sql_server.commit(self._run_id, ready, self._look_after_commit), self._after
        release, released = partial(queue.release, self._run_id), 0
        unfinished = any(row["state"] == State.PENDING for row in after.outcomes)
        if unfinished:
            released = tidy("Releasing unfinished rows", release, context.log.warning) or 0
        expire = partial(expire_runs, self._instance, self._job_name, self.runs_kept, queue)
        tidy(EXPIRING, expire, context.log.warning)
        remove = partial(remove_expired, self.sql_server.database, after.expired)
        tidy("Removing expired log entries", remove, context.log.warning)
        errors = after.errors
        missed = len(set(wanted["record_uuid"]).difference(committed.ready))
        rejected = {row["record_uuid"] for row in errors}
        left = [held for held in committed.held if held.record_uuid not in rejected]
        context.log.info(
            f"synced {counted(len(committed.ready), 'record_uuid')}; {len(committed.held)} held back; "
            f"{counted(len(errors), 'row')} rejected"
        )
        # Those with a rejected row were named by the step that it was rejected in.
        unsynced = [f"record_uuid {held.record_uuid} stays unsynced: {held.reason}" for held in left]
        log_first(context.log.warning, unsynced, IN_TRACE)
        known = {held.record_uuid for held in committed.held}
        others = [order for order in committed.held_orders if order.record_uuid not in known]
        log_first(context.log.warning, [str(order) for order in unexpected(others)], "`order-sync status` lists them")
        if missed:
            context.log.warning(f"{counted(missed, 'complete record_uuid')} could not be committed; see above")
        report.orders_synced, report.orders_held_back = len(committed.ready), len(committed.held)
        report.customers = customers = per_customer(after.outcomes)
        report.ending = Ending(
            rejected=errors,
            held=committed.held_orders,
            left=left,
            unfinished=unfinished,
            headers=after.headers,
            lines=after.lines,
            differing_orders=after.differing_orders,
            differing_lines=after.differing_lines,
        )
        self._lines = after.lines
        self._tag(report.ending, others)
        context.add_output_metadata(
            {
                "dagster/row_count": len(committed.ready),
                "headers synced": synced(after.outcomes, "header"),
                "lines synced": synced(after.outcomes, "line"),
                "rejected": len(errors),
                "held back": len(committed.held),
                "cancelled": report.cancelled,
                "released": released,
                "customers": table(customers),
                "rejected rows": table(errors[:200]),
                "record_uuids held back": _held(committed.held),
                "held back with no row rejected": _held(left),
                "other orders held": len(others),
                HELD: held_table(others),
            }
        )

    def _tag(self, ending: Ending, others: Sequence[HeldOrder]) -> None:
        """With the codes of what has not become SYNCED, and of other orders that are held."""
        reasons = [*(row["reason"] for row in ending.rejected), *(of.reason for of in ending.left)]
        tag_reasons(self._instance, self._run_id, [*reasons, *(of.shown for of in others)])
        tag_open(self._instance, self._run_id, ending.held)

    def _look_after_commit(self) -> None:
        """Before the run releases what it still holds, which counts as free already."""
        queue = self._queue
        headers = queue.run_headers(self._run_id, self.sql_server.mapping.board_sources)
        lines = queue.run_lines(self._run_id)
        any_rejected = any(row["sync_state"] == State.ERROR for row in (*headers, *lines))
        orders, order_lines = differing_from(queue.database, queue.tables, self._run_id, headers, lines)
        self._after = _AfterCommit(
            outcomes=outcomes(headers, lines),
            errors=queue.errors(self._run_id) if any_rejected else [],
            headers=headers,
            lines=lines,
            differing_orders=orders,
            differing_lines=order_lines,
            expired=self.sql_server.expired_log(),
        )

    def _report_lines(self, context: dg.OutputContext, _wanted: pd.DataFrame) -> None:
        lines = self._lines if self._lines is not None else self._queue.run_lines(self._run_id)
        synced = [row for row in lines if row["sync_state"] == State.SYNCED]
        context.add_output_metadata(
            {
                "dagster/row_count": len(synced),
                "preview": preview(synced, ["record_uuid", "line_uuid", "monday_subitem_id"]),
            }
        )


LOADS: Mapping[str, Callable[[QueueIOManager], pd.DataFrame]] = {
    "ORDER_LIST_DELTA": QueueIOManager._waiting_headers,
    "ORDER_LIST_LINES_DELTA": QueueIOManager._waiting_lines,
    "pending_headers": QueueIOManager._claimed_headers,
    "pending_lines": QueueIOManager._claimed_lines,
}
STORES: Mapping[str, Callable[[QueueIOManager, dg.OutputContext, pd.DataFrame], None]] = {
    "pending_headers": QueueIOManager._claim_headers,
    "pending_lines": QueueIOManager._claim_lines,
    "order_list": QueueIOManager._commit,
    "order_list_lines": QueueIOManager._report_lines,
}
