"""The jobs: every asset, for the scope that the run is given; and the comparison of boards and tables.

In: run configuration. Out: runs that Dagster's UI, the sensors, the schedule or order-sync start.
`reconcile` only reads, holds no lease, and fails where boards and tables differ, so that somebody sees it.
"""

from functools import partial
from typing import Any

import dagster as dg

from order_sync.database.housekeeping import tidy
from order_sync.io_managers.frames import table
from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.run_records import EXPIRING, expire_runs
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.reconcile import Report, reconcile

JOB_NAME = "sync_orders"
RECONCILE = "reconcile"

sync_orders = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
    tags={"order_sync/job": JOB_NAME},  # one run of it at a time: dagster.yaml
    description="Carries pending orders to monday and marks them SYNCED. resources > scope narrows it down.",
)


def build_reconcile_job(*, days: int, runs_kept: int) -> dg.JobDefinition:
    """`days`: report a missing item only if its order was synced within the last `days` days; 0: always.

    `runs_kept`: how many of its runs Dagster's record keeps; 0 for all.
    """

    @dg.op(description="Reads every board whole and compares it with the tables.", out=dg.Out(dg.Nothing))
    def compare_boards(
        context: dg.OpExecutionContext, sql_server: ReadOnlySqlServerResource, monday: ReadOnlyMondayResource
    ) -> None:
        reader = monday.reader(attempts=8)
        if reader is None:
            raise Fatal("reconcile reads the boards: set ORDER_SYNC_MONDAY_TOKEN and ORDER_SYNC_MONDAY_BOARD_ID.")
        mapping = sql_server.mapping
        boards = mapping.board_ids(monday.board_id)
        try:
            sql_server.check()
            with reader:
                if warning := reader.check_version().warning:
                    context.log.warning(warning)
                report = reconcile(reader, boards, mapping, sql_server.database, sql_server.tables, days=days)
            expire = partial(expire_runs, context.instance, RECONCILE, runs_kept, sql_server.reader)
            tidy(EXPIRING, expire, context.log.warning)
        finally:
            sql_server.database.dispose()
        metadata = _metadata(report)
        context.log_event(dg.AssetObservation("order_list", description=report.verdict, metadata=metadata))
        context.log.info(report.verdict)
        if not report.agrees:
            raise dg.Failure(report.verdict, metadata=metadata, allow_retries=False)

    @dg.job(
        name=RECONCILE,
        description="Compares the boards with the tables and writes nothing. Fails where they differ; "
        "`order-sync reconcile --requeue` puts orders back whose item was deleted.",
    )
    def reconcile_job() -> None:
        compare_boards()

    return reconcile_job


def build_reconcile_schedule(job: dg.JobDefinition, *, cron: str, running: bool) -> dg.ScheduleDefinition:
    """Raises ConfigurationError if `cron` is none."""
    try:
        return dg.ScheduleDefinition(
            name=RECONCILE,
            job=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
            description="Looks every night whether boards and tables still agree.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigurationError(f"ORDER_SYNC_RECONCILE_CRON is no cron schedule: {cron!r}.") from None


def _metadata(report: Report) -> dict[str, Any]:
    """Counts, and for each kind of difference its first rows with links to the board."""
    counts = {
        "items": report.items,
        "subitems": report.subitems,
        "SYNCED headers": report.headers,
        "SYNCED lines": report.lines,
        "wrong": report.wrong,
        "not asked about": report.not_asked,
        "calls": report.calls,
        "complexity": report.complexity,
        "seconds": report.seconds,
    }
    found = [{"what": kind, "rows": count} for kind, count in report.counts.items()]
    boards = {f"board {board_id}": dg.MetadataValue.url(url) for board_id, url in report.boards.items()}
    rows = {kind: table([row | {"link": report.link(row)} for row in of]) for kind, of in report.rows.items()}
    return {**counts, "found": table(found), **boards, **rows}
