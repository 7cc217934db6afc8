"""The sensors that request runs: for new rows, and for rows that a dead run still holds.

In: the rows that can be claimed, and the latest runs. Out: at most one run request per tick, none during a run.
They never wait; a later tick finds rows that arrive during a run.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from order_sync.automation.jobs import JOB_NAME, MATERIALIZE, sync_orders, syncs_orders
from order_sync.database.held import HeldOrder, held_orders
from order_sync.database.holdups import holdups
from order_sync.orders.errors import DatabaseUnavailable, QuotaExhausted, causes
from order_sync.orders.naming import NO_CUSTOMER, Customers
from order_sync.resources.runs import RunsResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.text.counted import counted

FIRST_BACK_OFF = 60  # seconds after the first failed run; doubles with each further failure
LONGEST_BACK_OFF = 3_600
STUCK_SECONDS = 300  # between two searches for stuck rows
SKEW_SECONDS = 60  # by which the clocks of two machines may differ
CUSTOMERS_SHOWN = 5
NEXT_TICK = "The next tick tries again."
NOTHING_NEW = "No new rows."
RUNS_SHOWN = 8  # of each job: more than the failures that lead to the longest back-off
JOBS = (JOB_NAME, MATERIALIZE)
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in ENDED]
FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}


def build_sensor(*, interval_seconds: int, running: bool, clock_speed: float = 1.0) -> dg.SensorDefinition:
    """`clock_speed`: the speed of monday's clock; the sensor's waits are shorter by this factor."""

    @dg.sensor(
        name="new_orders",
        job=sync_orders,
        minimum_interval_seconds=interval_seconds,
        default_status=_status(running),
        description="Starts sync_orders when rows are waiting in ORDER_LIST_DELTA or ORDER_LIST_LINES_DELTA.",
    )
    def new_orders(
        context: dg.SensorEvaluationContext, sql_server: ReadOnlySqlServerResource, runs: RunsResource
    ) -> dg.SensorResult:
        registry = runs.registry(context.instance)
        registry.report_dead()
        before = _runs_before(context.instance)
        if reason := before.reason_to_wait(clock_speed):
            return _skip(context, reason)
        try:
            with sql_server.looking() as reader:
                if not reader.has_open_rows():
                    return _skip(context, NOTHING_NEW)
                # Rows held by a failed or dead run wait for the next run, not for their lease to expire.
                over = registry.over(lease.run_id for lease in reader.leases())
                due = reader.due(over)
                if not due.rows:
                    return _skip(context, _nothing_new(held_orders(reader, over=over)))
        except DatabaseUnavailable as error:
            return _skip(context, f"{error} {NEXT_TICK}")
        seen = {"newest": due.newest.isoformat() if due.newest else "", "rows": due.rows}
        customers = Customers(due.customers)
        tags = {
            "order_sync/scope": "all",
            "order_sync/headers": str(due.headers),
            "order_sync/customers": _shown(customers.names),
        }
        return _ask(context, before, seen, customers=[], tags=tags, clock_speed=clock_speed)

    return new_orders


def build_stuck_sensor(*, running: bool, clock_speed: float = 1.0) -> dg.SensorDefinition:
    """As `build_sensor`, for deployments where new_orders is off and runs are started for some customers only."""

    @dg.sensor(
        name="stuck_rows",
        job=sync_orders,
        minimum_interval_seconds=STUCK_SECONDS,
        default_status=_status(running),
        description="Starts sync_orders for customers with stuck rows: claimed by a dead run and PENDING longer than "
        "their lease.",
    )
    def stuck_rows(
        context: dg.SensorEvaluationContext, sql_server: ReadOnlySqlServerResource, runs: RunsResource
    ) -> dg.SensorResult:
        runs.registry(context.instance).report_dead()
        before = _runs_before(context.instance)
        if reason := before.reason_to_wait(clock_speed):
            return _skip(context, reason)
        try:
            with sql_server.looking() as reader:
                stuck = reader.stuck()
        except DatabaseUnavailable as error:
            return _skip(context, f"{error} {NEXT_TICK}")
        if not stuck:
            return _skip(context, "No row is stuck.")
        rows = sum(row["rows"] for row in stuck)
        seen = {"since": str(min((row["since"] for row in stuck if row["since"]), default=None)), "rows": rows}
        customers = sorted({row["customer"] or "" for row in stuck})
        tags = {
            "order_sync/scope": "customers with stuck rows",
            "order_sync/stuck": str(rows),
            "order_sync/customers": _shown([customer or NO_CUSTOMER for customer in customers]),
        }
        return _ask(context, before, seen, customers=customers, tags=tags, clock_speed=clock_speed)

    return stuck_rows


# ---- when to request a run -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _RunsBefore:
    going: dg.DagsterRun | None
    latest: list[dg.RunRecord]  # newest first
    quota_back: datetime | None  # when the quota that the latest run used up is available again; None if it did not

    @property
    def last_run_id(self) -> str:
        return self.latest[0].dagster_run.run_id if self.latest else "none"

    def reason_to_wait(self, clock_speed: float) -> str | None:
        if self.going is not None:
            return f"Run {self.going.run_id} is {self.going.status.value}; the next tick tries again."
        if not self.latest or not (ended := self.latest[0].end_time):
            return None
        now = datetime.now(UTC).timestamp()
        if self.quota_back is not None:
            wait = _left(ended, (self.quota_back.timestamp() - ended) / clock_speed, now)
            if wait > 0:
                return (
                    f"Run {self.last_run_id} used up monday's daily quota of calls; "
                    f"resuming at {self.quota_back:%Y-%m-%d %H:%M} UTC, in {wait:.0f} s."
                )
            return None
        failures = next((n for n, run in enumerate(self.latest) if not _failed(run)), len(self.latest))
        wait = _left(ended, _delay(failures) / clock_speed, now) if failures else 0
        return f"The last run failed; retrying in {wait:.0f} s." if wait > 0 else None


def _runs_before(instance: dg.DagsterInstance) -> _RunsBefore:
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    records = [
        record
        for name in JOBS
        for record in instance.get_run_records(dg.RunsFilter(job_name=name, statuses=list(ENDED)), limit=RUNS_SHOWN)
        if syncs_orders(record.dagster_run)
    ]
    latest = sorted(records, key=lambda record: record.create_timestamp, reverse=True)
    return _RunsBefore(
        going=next((run for run in unfinished if syncs_orders(run)), None),
        latest=latest,
        quota_back=_quota_back(instance, latest[0]) if latest and _failed(latest[0]) else None,
    )


def _failed(record: dg.RunRecord) -> bool:
    return record.dagster_run.status == dg.DagsterRunStatus.FAILURE


def _quota_back(instance: dg.DagsterInstance, record: dg.RunRecord) -> datetime | None:
    """When to resume, if the run failed with QuotaExhausted: Dagster keeps the errors of the run."""
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=FAILURES):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        for error in causes(getattr(data, "error", None)):
            if error.cls_name == QuotaExhausted.__name__:
                return QuotaExhausted.resume_at_in(error.message)
    return None


# ---- the request -----------------------------------------------------------------------------------------


def _ask(
    context: dg.SensorEvaluationContext,
    before: _RunsBefore,
    seen: dict[str, Any],
    *,
    customers: list[str],
    tags: dict[str, str],
    clock_speed: float,
) -> dg.SensorResult:
    """Requests a run for these customers. `seen` identifies the rows: for the same rows the pauses grow."""
    cursor = _read(context.cursor)
    # The same rows again, although the last run succeeded: something holds them back. Request runs less often.
    same = cursor.get("seen") == seen and before.latest != []
    tries = cursor.get("tries", 0) + 1 if same else 0
    now = datetime.now(UTC).timestamp()
    wait = _left(cursor.get("at", 0), _delay(tries) / clock_speed, now) if same and tries > 1 else 0
    if wait > 0:
        return _skip(
            context,
            f"{counted(seen['rows'], 'row is', 'rows are')} still waiting after the last run; "
            f"retrying in {wait:.0f} s.",
        )
    request = dg.RunRequest(
        # Includes the previous run: Dagster ignores a repeated key, and would skip the retry of these rows.
        run_key="|".join([*map(str, seen.values()), before.last_run_id]),
        run_config={"resources": {"scope": {"config": {"customers": customers}}}},
        tags=tags,
    )
    return dg.SensorResult(run_requests=[request], cursor=json.dumps({"seen": seen, "tries": tries, "at": now}))


def _read(cursor: str | None) -> dict[str, Any]:
    """The cursor only limits how often the sensor requests runs: a lost or unreadable cursor loses no row."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _skip(context: dg.SensorEvaluationContext, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=context.cursor)


def _left(since: float, seconds: float, now: float) -> float:
    """The rest of a wait that began at `since`; 0 if it exceeds the wait, since the clock was set back."""
    left = since + seconds - now
    return left if left <= seconds + SKEW_SECONDS else 0.0


def _delay(times: int) -> float:
    """Seconds to wait after this many unsuccessful runs in a row."""
    return float(min(FIRST_BACK_OFF * 2 ** (times - 1), LONGEST_BACK_OFF))


def _status(running: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED


def _nothing_new(held: list[HeldOrder]) -> str:
    waiting = [order for order in held if order.needs_a_person]
    if not waiting:
        return NOTHING_NEW
    need = counted(len(waiting), "order needs", "orders need")
    return f"{NOTHING_NEW} {need} attention (order-sync status), first {waiting[0]}. {' '.join(holdups(waiting))}"


def _shown(customers: list[str]) -> str:
    rest = len(customers) - CUSTOMERS_SHOWN
    shown = ", ".join(customers[:CUSTOMERS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return shown[:250]  # a tag's value is at most 256 characters
