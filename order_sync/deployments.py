"""The resources of each deployment: `embedded` or `production`, live or dry run.

In: the settings. Out: the resources of Definitions. The resources of a dry run cannot write.
"""

import os
from typing import Any

import dagster as dg

from order_sync.io_managers.dry_run import Drafts, DryRunMondayIOManager, DryRunQueueIOManager
from order_sync.io_managers.monday import MondayIOManager
from order_sync.io_managers.queue import QueueIOManager
from order_sync.resources.monday import MondayResource, ReadOnlyMondayResource
from order_sync.resources.run_report import RunReports
from order_sync.resources.runs import DRY_RUN_MARK, RunsResource
from order_sync.resources.scope import ScopeResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource, SqlServerResource
from order_sync.settings import PREFIX, Settings


def resources(settings: Settings) -> dict[str, Any]:
    """The resources by key: sql_server, monday, scope, runs, reports, queue_io, monday_io."""
    home = str(settings.home)
    sql_config, monday_config = _sql_config(settings), _monday_config(settings)
    if settings.dry_run:
        reads = ReadOnlySqlServerResource(**sql_config)
        board = ReadOnlyMondayResource(**monday_config)
        drafts = Drafts()
        return {
            "sql_server": reads,
            "monday": board,
            "scope": ScopeResource(),
            "runs": RunsResource(home=home),
            "reports": RunReports(),
            "drafts": drafts,
            "queue_io": DryRunQueueIOManager(sql_server=reads, drafts=drafts, home=home),
            "monday_io": DryRunMondayIOManager(
                sql_server=reads,
                monday=board,
                drafts=drafts,
                writers=settings.writers,
                bulk_rows=settings.bulk_rows,
                bulk_cancels=settings.bulk_cancels,
                board_checks=settings.board_checks,
            ),
            DRY_RUN_MARK: dg.ResourceDefinition.none_resource(
                description="Marks a dry run; a live daemon refuses its runs."
            ),
        }
    sql_server = SqlServerResource(
        **sql_config,
        board_lease_seconds=settings.board_lease_seconds,
        log_days=settings.log_days,
        log_payloads=settings.log_payloads,
        upgrades=settings.deployment == "embedded",
    )
    monday = MondayResource(
        **monday_config,
        settle_seconds=settings.settle_seconds,
        search_seconds=settings.search_seconds,
        writers=settings.writers,
        bulk_rows=settings.bulk_rows,
        bulk_cancels=settings.bulk_cancels,
    )
    reports = RunReports()
    return {
        "sql_server": sql_server,
        "monday": monday,
        "scope": ScopeResource(),
        "runs": RunsResource(home=home),
        "reports": reports,
        "queue_io": QueueIOManager(sql_server=sql_server, reports=reports, home=home, runs_kept=settings.runs_kept),
        "monday_io": MondayIOManager(sql_server=sql_server, monday=monday, reports=reports, home=home),
    }


def _sql_config(settings: Settings) -> dict[str, Any]:
    return {
        "url": _secret("DATABASE_URL", settings.database),
        "access_token": _secret("DATABASE_ACCESS_TOKEN", settings.access_token or ""),
        "database_schema": settings.schema_name,
        "header_queue": settings.header_queue_table,
        "line_queue": settings.line_queue_table,
        "orders": settings.orders_table,
        "order_lines": settings.order_lines_table,
        "mapping_file": str(settings.mapping),
        "lease_seconds": settings.lease_seconds,
    }


def _monday_config(settings: Settings) -> dict[str, Any]:
    return {
        "url": settings.api_url,
        "token": _secret("MONDAY_TOKEN", settings.token),
        "board_id": settings.board_id,
        "first_batch": settings.first_batch,
        "largest_batch": settings.largest_batch,
        "batch_seconds": settings.batch_seconds,
        "version": settings.monday_version,
        "clock_speed": settings.clock_speed,
    }


def _secret(name: str, value: str) -> Any:
    """A reference to the environment variable if the value comes from one: Dagster's UI then shows only its name."""
    # Settings accept variables in any case, so ignore case here as well.
    variable = next((key for key in os.environ if key.upper() == PREFIX + name and os.environ[key] == value), None)
    return dg.EnvVar(variable) if variable and value else value
