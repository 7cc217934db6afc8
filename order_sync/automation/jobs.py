"""The jobs: `sync_orders`, all assets within a scope, and `reconcile`, which compares boards and tables.

In: run configuration. Out: runs started by Dagster's UI, the sensors, the schedule or order-sync.
`reconcile` only reads the boards, holds no lease, and fails if boards and tables differ, so that people notice.
"""

from functools import partial
from typing import Any

import dagster as dg

from order_sync.database.housekeeping import tidy
from order_sync.io_managers.frames import table
from order_sync.io_managers.queue import STEPS
from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.orders.faults import RunFault, SettingsFault
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.run_codes import tag_failure
from order_sync.resources.run_records import EXPIRING, expire_runs
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.nightly import Nightly
from order_sync.sync.reconcile import Report

JOB_NAME = "sync_orders"
RECONCILE = "reconcile"
MAIN_TABLES = ("order_list", "order_list_lines")
ASSETS = frozenset(dg.AssetKey(name) for name in (*STEPS, *MAIN_TABLES))
MATERIALIZE = "__ASSET_JOB"  # what "Materialize all" in the UI runs, for the assets of any project

sync_orders = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.assets(*ASSETS),  # with their checks, and without other assets of a project
    hooks={tag_failure},
    tags={"order_sync/job": JOB_NAME},  # dagster.yaml allows one run at a time
    description="Syncs pending orders to monday and marks them SYNCED. resources > scope limits it to some orders.",
    executor_def=dg.in_process_executor,  # a process for each step would cost 2.5 s a step
)


def syncs_orders(run: dg.DagsterRun) -> bool:
    """The run works on order_sync's assets, not on others of a project that has the component."""
    if run.job_name != MATERIALIZE:
        return run.job_name == JOB_NAME
    return not run.asset_selection or not ASSETS.isdisjoint(run.asset_selection)


def build_reconcile_job(*, days: int, whole_days: int, runs_kept: int) -> dg.JobDefinition:
    """`days`: report a missing item only if its order was synced within the last `days` days; 0: always.

    `whole_days`: boards are read whole at least every `whole_days` days; 0: always.

    `runs_kept`: the number of its runs that Dagster keeps; 0 for all.
    """

    @dg.op(
        description="Compares what has changed on every board with the tables, or all of it.", out=dg.Out(dg.Nothing)
    )
    def compare_boards(
        context: dg.OpExecutionContext, sql_server: ReadOnlySqlServerResource, monday: ReadOnlyMondayResource
    ) -> None:
        reader = monday.reader(attempts=8)
        if reader is None:
            raise Fatal(
                "reconcile needs a board: set ORDER_SYNC_MONDAY_TOKEN and ORDER_SYNC_MONDAY_BOARD_ID.",
                SettingsFault.NO_BOARD,
            )
        mapping = sql_server.mapping
        boards = mapping.board_ids(monday.board_id)
        try:
            sql_server.check()
            with reader:
                if warning := reader.check_version().warning:
                    context.log.warning(warning)
                night = Nightly(reader, mapping, sql_server.database, sql_server.tables, days=days)
                looked = night.look(boards, whole_days=whole_days)
                report = looked.report
            tidy(
                "Keeping the time of this comparison", partial(sql_server.keep_marks, looked.marks), context.log.warning
            )
            expire = partial(expire_runs, context.instance, RECONCILE, runs_kept, sql_server.reader)
            tidy(EXPIRING, expire, context.log.warning)
        finally:
            sql_server.database.dispose()
        metadata = _metadata(report)
        context.log_event(dg.AssetObservation("order_list", description=report.verdict, metadata=metadata))
        context.log.info(report.verdict)
        if not report.agrees:
            raise dg.Failure(f"{RunFault.DIFFER}: {report.verdict}", metadata=metadata, allow_retries=False)

    @dg.job(
        name=RECONCILE,
        hooks={tag_failure},
        description="Compares the boards with the tables and writes nothing to either. Fails if they differ; "
        "`order-sync reconcile --requeue` requeues orders whose item was deleted.",
    )
    def reconcile_job() -> None:
        compare_boards()

    return reconcile_job


def build_sync_schedule(cron: str) -> dg.ScheduleDefinition:
    """Runs at fixed times, for a project that wants no sensor. Raises ConfigurationError if `cron` is none."""
    try:
        return dg.ScheduleDefinition(
            name=JOB_NAME,
            job=sync_orders,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Syncs pending orders to monday at fixed times.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigurationError(
            f"order_sync.OrderSync: schedule is not a cron schedule: {cron!r}.", SettingsFault.SCHEDULE
        ) from None


def build_reconcile_schedule(job: dg.JobDefinition, *, cron: str, running: bool) -> dg.ScheduleDefinition:
    """Raises ConfigurationError if `cron` is not a cron schedule."""
    try:
        return dg.ScheduleDefinition(
            name=RECONCILE,
            job=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
            description="Compares boards and tables every night.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigurationError(
            f"ORDER_SYNC_RECONCILE_CRON is not a cron schedule: {cron!r}.", SettingsFault.SCHEDULE
        ) from None


def _metadata(report: Report) -> dict[str, Any]:
    """Counts, and the first rows of each kind of difference with links to the board."""
    counts: dict[str, Any] = {
        "items": report.items,
        "subitems": report.subitems,
        "SYNCED headers": report.headers,
        "SYNCED lines": report.lines,
        "wrong": report.wrong,
        "not checked": report.not_asked,
        "calls": report.calls,
        "complexity": report.complexity,
        "seconds": report.seconds,
    }
    if report.since:
        counts = {"changed since (UTC)": report.since, **counts}
    found = [{"what": kind, "rows": count} for kind, count in report.counts.items()]
    boards = {f"board {board_id}": dg.MetadataValue.url(url) for board_id, url in report.boards.items()}
    rows = {kind: table([row | {"link": report.link(row)} for row in of]) for kind, of in report.rows.items()}
    return {**counts, "found": table(found), **boards, **rows}
