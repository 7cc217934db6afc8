"""In: the settings, DAGSTER_HOME and dagster.yaml.
Out: what is wrong with Dagster's instance, its daemon, the schedule and the sensors.
Never: anything switched on or off."""

from __future__ import annotations

import os
from collections.abc import Mapping

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.controller import get_daemon_statuses

from order_sync.cli.doctor.checks import Found, Level
from order_sync.cli.launch import dagster_instance
from order_sync.definitions import build_definitions
from order_sync.settings import Settings

SILENT_AFTER = 300  # seconds, ten heartbeats; Dagster itself waits for half an hour
BY_HAND = "Without it only `order-sync sync` syncs, by hand or from a scheduler such as cron"


def instance(settings: Settings) -> Found:
    with dagster_instance(settings.home) as opened:
        storage = type(opened.run_storage).__name__.removesuffix("RunStorage")
        yield Level.OK, f"DAGSTER_HOME is {os.environ['DAGSTER_HOME']}; {storage} keeps the record of runs"


def daemon(settings: Settings) -> Found:
    with dagster_instance(settings.home) as opened:
        statuses = get_daemon_statuses(
            opened, opened.get_required_daemon_types(), heartbeat_tolerance_seconds=SILENT_AFTER
        )
    silent = sorted(kind for kind, status in statuses.items() if status.last_heartbeat is None or not status.healthy)
    errors = [
        error.message.splitlines()[0]
        for status in statuses.values()
        for error in (status.last_heartbeat.errors if status.last_heartbeat else None) or ()
    ]
    if errors:
        yield Level.WRONG, f"Dagster's daemon reports: {errors[0]}. Next: look at its log, then restart it"
    elif len(silent) == len(statuses):
        yield (
            Level.WARNING,
            f"Dagster's daemon is not running. {BY_HAND}. Next: dg dev, or the service of your deployment",
        )
    elif silent:
        yield Level.WRONG, f"parts of Dagster's daemon are not running: {', '.join(silent)}. Next: restart it"
    else:
        yield Level.OK, "running"


def automation(settings: Settings) -> Found:
    """Whether the definitions load, and which of the schedule and the sensors are on."""
    definitions = build_definitions(settings)
    with dagster_instance(settings.home) as opened:
        states = {state.instigator_name: state.status for state in opened.all_instigator_state()}
    repository = definitions.get_repository_def()
    declared = {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs}
    declared |= {schedule.name: schedule.default_status.value for schedule in repository.schedule_defs}
    off = [name for name, default in declared.items() if not _is_on(name, default, states)]
    if off:
        yield (
            Level.WARNING,
            f"off: {', '.join(sorted(off))}. Next: turn on those that you use, in Dagster's UI under Automation; "
            "docs/sensors.md says what each does",
        )
    else:
        yield Level.OK, f"on: {', '.join(sorted(declared))}"


def _is_on(name: str, default: str, states: Mapping[str, InstigatorStatus]) -> bool:
    status = states.get(name, InstigatorStatus.DECLARED_IN_CODE)
    if status is InstigatorStatus.DECLARED_IN_CODE:
        return default == dg.DefaultSensorStatus.RUNNING.value
    return status is InstigatorStatus.RUNNING
