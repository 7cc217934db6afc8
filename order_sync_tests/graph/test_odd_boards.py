"""Whole runs on boards, and with versions of monday's API, that are not as today's."""

from __future__ import annotations

import pytest

from order_sync import launch
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add, items
from order_sync_tests.graph.test_recovery import assert_all_there


@pytest.mark.parametrize("form", ["by_index", "text"])
def test_a_run_goes_through_with_settings_in_the_older_form(stage: Stage, form: str) -> None:
    sample = add(stage, 2)
    stage.emulator.configure(column_settings=form)
    plan = launch.plan(stage.settings)
    assert not plan.rejected
    stage.sync()
    assert_all_there(stage)
    types = {row["record_uuid"]: row["ORDER TYPE"] for row in sample.orders}
    assert {item["columns"]["order_type"] for item in items(stage).values()} == set(types.values())
