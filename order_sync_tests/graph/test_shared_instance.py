"""A dry run's UI beside a live daemon, on one Dagster instance: the daemon starts every run, with its own resources."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from order_sync.definitions import build_definitions
from order_sync.orders.errors import Fatal
from order_sync_tests.graph.stage import Stage


@pytest.mark.parametrize("job_name", ["sync_orders", "__ASSET_JOB"])  # the second is "Materialize all" of the lineage
def test_a_live_daemon_refuses_a_requested_dry_run(stage: Stage, job_name: str) -> None:
    stage.add_orders(2)
    dry = build_definitions(stage.settings.model_copy(update={"dry_run": True})).resolve_job_def(job_name)
    live = build_definitions(stage.settings).resolve_job_def(job_name)
    before = stage.site_rows(), stage.emulator.checksum()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with stage.instance() as instance:
        run = instance.create_run_for_job(dry, run_config=quiet)
        with pytest.raises(dg.DagsterResourceFunctionError) as caught:
            execute_run(InMemoryJob(live), run, instance, raise_on_error=True)
    assert isinstance(caught.value.__cause__, Fatal)
    assert "in a separate folder" in str(caught.value.__cause__)
    assert (stage.site_rows(), stage.emulator.checksum()) == before
    assert stage.sync().orders_synced == 2
