"""Runs the job in this process for the command line: the same assets, recorded in Dagster's UI as well.

In: settings and a scope. Out: a `Summary` of the run. Errors are raised as OrderSyncError.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import sqlalchemy as sa
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from filelock import FileLock

import order_sync
from order_sync.automation.jobs import JOB_NAME
from order_sync.cli.access import check, connected
from order_sync.database.connection import Database
from order_sync.database.held import HeldOrder, of_customers
from order_sync.database.known_customers import check_customers
from order_sync.database.queue import QueueReader
from order_sync.definitions import build_definitions
from order_sync.io_managers.dry_run import Drafts
from order_sync.orders.errors import ConfigurationError, Fatal, Interrupted, OrderSyncError, own_error
from order_sync.orders.faults import RunFault, SettingsFault
from order_sync.resources.run_codes import tags_failure
from order_sync.resources.run_records import UncapturedLogManager
from order_sync.resources.run_report import NOTHING_LEFT, RunReport, RunReports
from order_sync.resources.scope import ScopeResource
from order_sync.settings import Settings
from order_sync.sync.plan import Plan

INSTANCE_FILE = "dagster.yaml"
SHIPPED = Path(order_sync.__file__).with_name(INSTANCE_FILE)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The result of a run, by the rows that it claimed."""

    run_id: str
    headers_claimed: int
    lines_claimed: int
    orders_synced: int
    orders_held_back: int
    rejected: list[dict[str, Any]] = field(default_factory=list)  # as QueueReader.errors
    held: list[HeldOrder] = field(default_factory=list)  # other orders, which wait and cannot be claimed
    left: list[dict[str, Any]] = field(default_factory=list)  # record_uuid, order_number and reason of other orders
    refused: dict[str, str] = field(default_factory=dict)  # boards that accepted nothing, with the reason
    waiting: int = 0  # orders that could be claimed now; counted only if the run claimed none
    customers: list[dict[str, Any]] = field(default_factory=list)  # customer, and the OUTCOMES of orders/counts.py
    groups_created: int = 0
    items_created: int = 0
    subitems_created: int = 0
    changed: int = 0  # items and subitems that were there already
    moved: int = 0
    cancelled: int = 0
    archive_jobs: list[str] = field(default_factory=list)  # monday's jobs that archived many of them: `order-sync undo`
    kept: int = 0  # edits of people that stayed on the boards
    keys_restored: int = 0  # that people had deleted or overwritten there
    recovered: int = 0  # rows that an earlier run had sent before it ended, found on the board
    calls: int = 0
    complexity: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Every claimed row is SYNCED, and no order needs attention."""
        held = self.held if self.is_idle else [order for order in self.held if order.needs_a_person]
        return not (self.rejected or self.orders_held_back or held or self.waiting)

    @property
    def is_idle(self) -> bool:
        """The run claimed nothing."""
        return not self.headers_claimed and not self.lines_claimed

    @property
    def records_per_call(self) -> float:
        created = self.groups_created + self.items_created + self.subitems_created
        altered = self.changed + self.moved + self.cancelled
        return round((created + altered) / self.calls, 1) if self.calls else 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"complete": self.complete, "records_per_call": self.records_per_call}


def provide_instance_file() -> bool:
    """Writes a dagster.yaml into this folder if neither it nor DAGSTER_HOME names one yet; True if it was written."""
    path = Path.cwd() / INSTANCE_FILE
    if os.environ.get("DAGSTER_HOME") or path.exists():
        return False
    shutil.copyfile(SHIPPED, path)
    return True


@contextmanager
def dagster_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, or of the dagster.yaml in this folder."""
    if not os.environ.get("DAGSTER_HOME"):
        here = Path.cwd()
        if not (here / INSTANCE_FILE).exists():
            raise ConfigurationError(
                f"There is no {INSTANCE_FILE} in {here}. Run order-sync in the folder that contains it, or set "
                "DAGSTER_HOME to that folder. In a new folder, order-sync setup and order-sync demo create it.",
                SettingsFault.DAGSTER_HOME,
            )
        os.environ["DAGSTER_HOME"] = str(here)
    check_record_folder(Path(os.environ["DAGSTER_HOME"]))
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "dagster.lock"):  # two processes that create Dagster's tables at once would fail
        instance = _instance(Path(os.environ["DAGSTER_HOME"]).expanduser())
    with instance:
        yield instance


def _instance(home: Path) -> dg.DagsterInstance:
    """Without Dagster's log capture: it starts four processes, which Ctrl-C ends noisily."""
    if not (home.is_absolute() and home.is_dir()):
        raise ConfigurationError(
            f"DAGSTER_HOME must be the absolute path of a folder, and {home} is not.", SettingsFault.DAGSTER_HOME
        )
    ref = InstanceRef.from_dir(str(home))
    logs = ref.compute_logs_data
    if logs.class_name == LocalComputeLogManager.__name__:
        uncaptured = ConfigurableClassData(
            UncapturedLogManager.__module__, UncapturedLogManager.__name__, logs.config_yaml
        )
        ref = ref._replace(compute_logs_data=uncaptured)
    return dg.DagsterInstance.from_ref(ref)


def check_record_folder(dagster_home: Path) -> None:
    """Raises ConfigurationError for a folder that Dagster's SQLite storage cannot open: it does not quote URLs."""
    path = dagster_home / INSTANCE_FILE
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    storage = (config or {}).get("storage") or {"sqlite": {}}
    base = (storage.get("sqlite") or {}).get("base_dir", dagster_home) if "sqlite" in storage else None
    folder = os.path.abspath(base) if isinstance(base, str | Path) else None
    if folder is not None and sa.make_url(f"sqlite:///{folder}").database != folder:
        raise ConfigurationError(
            f"Dagster cannot store its runs in {folder}: its storage reads the ? or % as part of a URL. "
            f"Rename the folder, or set storage.sqlite.base_dir in {path} to another folder.",
            SettingsFault.DAGSTER_HOME,
        )


def sync(
    settings: Settings,
    *,
    customers: Sequence[str] = (),
    limit: int | None = None,
    cancel: int | None = None,
    plan_file: Path | None = None,
) -> Summary:
    """Runs the job. Raises OrderSyncError if it fails; nothing is lost then.

    `cancel` is the number of orders that it may cancel on a board beyond the limit of the mapping. With `plan_file` it
    does only what that plan says, and raises PlanChanged if anything else would happen.
    """
    started = time.monotonic()
    _check_customers(settings, customers)
    definitions = build_definitions(settings)
    with dagster_instance(settings.home) as instance:
        result = _run(definitions, instance, _scope(customers, limit, plan_file, cancel))
    reports: RunReports = (definitions.resources or {})["reports"]
    with connected(Database, settings) as (database, tables):
        reader = QueueReader(database, tables, lease_seconds=settings.lease_seconds)
        report = reports.take(result.run_id)
        summary = _summary(result.run_id, report, time.monotonic() - started)
        return replace(summary, **_left(summary, reader, customers))


def _check_customers(settings: Settings, customers: Sequence[str]) -> None:
    """A typo on the command line must not cause a failed run, which alerts people and slows the sensor down."""
    if not customers:
        return
    with connected(Database, settings) as (database, tables):
        check(database, tables, settings)
        check_customers(database, tables, customers)


def plan(
    settings: Settings,
    *,
    customers: Sequence[str] = (),
    limit: int | None = None,
    cancel: int | None = None,
    plan_file: Path | None = None,
) -> Plan:
    """Plans a run. Writes nothing: no table, no board, no file, and no run in Dagster."""
    definitions = build_definitions(settings.model_copy(update={"dry_run": True}))
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run(definitions, instance, _scope(customers, limit, plan_file, cancel))
    drafts: Drafts = (definitions.resources or {})["drafts"]
    made = drafts.take(result.run_id).plan
    if made is None:
        raise Fatal("The dry run ended without a plan. Nothing was written.", RunFault.NO_PLAN)
    return replace(made, held=of_customers(made.held, customers))


def dry_run(settings: Settings, *, customers: Sequence[str] = (), limit: int | None = None) -> dict[str, Any]:
    """The plan in short: totals, and what would be created and rejected."""
    return plan(settings, customers=customers, limit=limit).summary()


def _left(summary: Summary, reader: QueueReader, customers: Sequence[str]) -> dict[str, Any]:
    """Orders of these customers that still wait after the run."""
    rejected = {row["record_uuid"] for row in summary.rejected}
    held = [order for order in summary.held if order.record_uuid not in rejected]
    if not summary.is_idle:
        reported = {order.record_uuid for order in held}
        left = [row for row in summary.left if row["record_uuid"] not in reported]
        numbers = reader.order_numbers([row["record_uuid"] for row in left])
        named = [row | {"order_number": numbers.get(row["record_uuid"])} for row in left]
        return {"held": of_customers(held, customers), "left": named}
    rows = [*reader.claimable_headers(), *(line for line in reader.claimable_lines() if line["late"])]
    waiting = {row["record_uuid"] for row in ScopeResource(customers=list(customers)).select(rows)}
    return {"held": of_customers(held, customers), "waiting": len(waiting)}


def _scope(customers: Sequence[str], limit: int | None, plan_file: Path | None, cancel: int | None) -> dict[str, Any]:
    scope = {"customers": list(customers), "limit": limit, "plan": str(plan_file) if plan_file else None}
    scope["cancel"] = cancel
    return {name: value for name, value in scope.items() if value is not None}


def _run(definitions: dg.Definitions, instance: dg.DagsterInstance, scope: dict[str, Any]) -> dg.ExecuteInProcessResult:
    job, run_id = definitions.resolve_job_def(JOB_NAME), str(uuid4())
    config = {"resources": {"scope": {"config": scope}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    tags = {"order_sync/started_by": "order-sync sync"}
    try:
        with tags_failure(instance, run_id):
            return job.execute_in_process(run_id=run_id, instance=instance, tags=tags, run_config=config)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise Interrupted("Stopped. Nothing is lost: the next sync continues from here.") from None
    except Exception as error:
        raise _own_error(error) from error


def _own_error(error: BaseException) -> OrderSyncError:
    """The OrderSyncError that Dagster wrapped, or a Fatal that names the unexpected error."""
    if ours := own_error(error):
        return ours
    first = str(error).splitlines()[0] if str(error) else ""
    return Fatal(
        f"The run failed: {type(error).__name__}: {first}. Nothing is lost; Dagster's UI has the details.",
        RunFault.UNEXPECTED,
    )


def _summary(run_id: str, report: RunReport, seconds: float) -> Summary:
    ending = report.ending or NOTHING_LEFT
    return Summary(
        run_id=run_id,
        headers_claimed=report.headers_claimed,
        lines_claimed=report.lines_claimed,
        orders_synced=report.orders_synced,
        orders_held_back=report.orders_held_back,
        rejected=ending.rejected,
        held=ending.held,
        customers=report.customers,
        left=[asdict(held) for held in ending.left],
        refused=report.refused,
        groups_created=report.created["monday_groups"],
        items_created=report.created["monday_items"],
        subitems_created=report.created["monday_subitems"],
        changed=report.changed,
        moved=report.moved,
        cancelled=report.cancelled,
        archive_jobs=report.archive_jobs,
        kept=report.kept,
        keys_restored=report.keys_restored,
        recovered=report.recovered,
        calls=report.calls,
        complexity=report.complexity,
        seconds=round(seconds, 2),
    )
