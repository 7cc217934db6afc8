"""`order_sync.OrderSync` in a project: what its attributes say, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

import order_sync
from order_sync.automation.jobs import ASSETS, syncs_orders
from order_sync.component import OrderSync
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import DEFAULT_MAPPING
from order_sync_tests.graph.stage import ROOT, Stage

# Dagster 1.13 reads a defs.yaml by a function that pydantic calls deprecated, and links it by classes of its own beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.* is currently in beta"),
]


def definitions(**attributes: Any) -> dg.Definitions:
    """As Dagster loads them from a defs.yaml in a folder of its own."""
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=OrderSync,
            defs_yaml_contents={"type": "order_sync.OrderSync", "attributes": attributes},
        )
        (path / "other.toml").write_text(
            DEFAULT_MAPPING.read_text("utf-8").replace('column = "eta"\n', 'column = "due"\n'), "utf-8"
        )
        with sandbox.build_all_defs() as defs:
            return defs


def test_the_package_offers_it_by_its_short_name() -> None:
    assert order_sync.OrderSync is OrderSync
    assert "OrderSync" in dir(order_sync)
    with pytest.raises(AttributeError, match="has no attribute 'OrderSink'"):
        order_sync.OrderSink  # noqa: B018 - what is asked for


def test_without_attributes_it_is_what_the_variables_say(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", "42")
    found = definitions()
    assert {spec.key for spec in found.resolve_all_asset_specs()} > ASSETS
    assert found.resources is not None
    assert found.resources["monday"].board_id == 42
    assert not found.schedules or "sync_orders" not in {schedule.name for schedule in found.schedules}


def test_attributes_come_before_variables(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", "42")
    found = definitions(board=43, mapping="other.toml", schedule="0 6 * * 1-5", settings={"runs_kept": 7})
    assert found.resources is not None
    assert found.resources["monday"].board_id == 43
    assert found.resources["queue_io"].runs_kept == 7
    assert Path(found.resources["sql_server"].mapping_file).name == "other.toml"
    schedule = found.resolve_schedule_def("sync_orders")
    assert (schedule.cron_schedule, schedule.job_name) == ("0 6 * * 1-5", "sync_orders")


def test_a_dry_run_has_no_resource_that_writes(stage: Stage) -> None:
    found = definitions(dry_run=True)
    assert found.resources is not None
    assert "journal" not in dir(found.resources["sql_server"])


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"settings": {"monday_token": "eyJ"}}, "set the variable ORDER_SYNC_MONDAY_TOKEN."),
        ({"settings": {"log_day": 3}}, "there is no setting log_day"),
        ({"board": 7, "settings": {"monday_board_id": 8}}, "monday_board_id is given twice"),
        ({"schedule": "daily"}, "schedule is not a cron schedule: 'daily'"),
        ({"deployment": "production"}, "needs these settings: ORDER_SYNC_DATABASE_URL"),
    ],
)
def test_what_is_wrong_is_said(stage: Stage, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OrderSync.resolve_from_dict(attributes).build_defs(dg.ComponentTree.for_test().load_context)
    assert message in str(caught.value)
    assert "eyJ" not in str(caught.value)


# ---- beside other assets --------------------------------------------------------------------------------------


@dg.asset
def stock() -> None:
    """Nothing of order_sync's."""


def test_the_job_takes_no_other_assets_of_the_project(stage: Stage) -> None:
    both = dg.Definitions.merge(definitions(), dg.Definitions(assets=[stock], executor=dg.multiprocess_executor))
    job = both.resolve_job_def("sync_orders")
    assert set(job.asset_layer.executable_asset_keys) == ASSETS
    assert len(job.asset_layer.asset_graph.asset_check_keys) > 10
    assert job.executor_def.name == "in_process"


@pytest.mark.parametrize(
    ("job", "assets", "ours"),
    [
        ("sync_orders", None, True),
        ("reconcile", None, False),
        ("__ASSET_JOB", {"stock"}, False),
        ("__ASSET_JOB", {"stock", "monday_items"}, True),
        ("__ASSET_JOB", None, True),
        ("stock_job", {"monday_items"}, False),
    ],
)
def test_only_runs_of_its_assets_hold_the_sensor_up(job: str, assets: set[str] | None, ours: bool) -> None:
    selection = frozenset(map(dg.AssetKey, assets)) if assets else None
    assert syncs_orders(dg.DagsterRun(job_name=job, asset_selection=selection)) is ours


def test_the_entry_point_is_what_dagster_reads() -> None:
    from dagster.components.core.package_entry import DG_PLUGIN_ENTRY_POINT_GROUP

    assert f'"{DG_PLUGIN_ENTRY_POINT_GROUP}"]\norder_sync = "order_sync"' in (ROOT / "pyproject.toml").read_text(
        "utf-8"
    )
