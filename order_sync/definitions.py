"""The one place where assets, checks, jobs, sensors and resources meet.

In: the settings of this process. Out: `defs`, which Dagster loads.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import dagster as dg

from order_sync import __version__
from order_sync.assets import checks, main_tables, monday, queue
from order_sync.assets.code_links import source_url, with_code_links
from order_sync.automation.freshness import build_empty_queue_sensor, fresh
from order_sync.automation.jobs import build_reconcile_job, build_reconcile_schedule, sync_orders
from order_sync.automation.notifications import build_notifications
from order_sync.automation.observations import build_queue_sensor
from order_sync.automation.sensors import build_sensor, build_stuck_sensor
from order_sync.deployments import resources
from order_sync.settings import Settings, load_settings
from order_sync.text.known_secrets import mask_logs


def build_definitions(
    settings: Settings, *, executor: dg.ExecutorDefinition | None = dg.in_process_executor
) -> dg.Definitions:
    """The definitions of one deployment. Raises ConfigurationError if a setting or the mapping is wrong.

    `executor` runs what has none of its own, as *Materialize all* on the page of all assets; None: that of the project.
    """
    mask_logs()
    resource_set = resources(settings)
    tables = resource_set["sql_server"].tables
    window = timedelta(hours=settings.freshness_hours)
    running = settings.deployment == "embedded" and not settings.dry_run
    reconcile = build_reconcile_job(
        days=settings.reconcile_days, whole_days=settings.reconcile_whole_days, runs_kept=settings.runs_kept
    )
    linked = partial(with_code_links, url=source_url(), version=__version__)
    return dg.Definitions(
        assets=linked(
            [
                *(fresh(spec, window) for spec in queue.external_queues(tables)),
                queue.pending_headers,
                queue.pending_lines,
                monday.monday_groups,
                monday.monday_items,
                monday.monday_subitems,
                main_tables.main_tables.map_asset_specs(partial(fresh, window=window)),
            ]
        ),
        # A dry run writes nothing, so there is nothing to check.
        asset_checks=[] if settings.dry_run else checks.build_checks(board_checks=settings.board_checks),
        jobs=[sync_orders, reconcile],
        schedules=[build_reconcile_schedule(reconcile, cron=settings.reconcile_cron, running=running)],
        sensors=[
            build_sensor(interval_seconds=settings.sensor_seconds, running=running, clock_speed=settings.clock_speed),
            build_stuck_sensor(running=running, clock_speed=settings.clock_speed),
            # A dry run materializes nothing that could become stale.
            *(
                []
                if settings.dry_run
                else [build_empty_queue_sensor(window), build_queue_sensor(), *build_notifications(settings)]
            ),
        ],
        resources=resource_set,
        executor=executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    return build_definitions(load_settings())
