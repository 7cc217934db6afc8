"""The sensor that watches the queue tables and asks for a run when new rows wait.

In: the rows that can be claimed, and the job's latest runs. Out: at most one run request a tick.
It never waits for anything, and what arrives while a run is going is found by a later tick.
"""

import json
from datetime import UTC, datetime

import dagster as dg

from order_sync.jobs import JOB_NAME, sync_orders
from order_sync.resources.runs import RunsResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource

FIRST_BACK_OFF = 60  # seconds after a first failed run; doubles with each further one
LONGEST_BACK_OFF = 3_600
CUSTOMERS_SHOWN = 5
JOBS = (JOB_NAME, "__ASSET_JOB")  # the second is what "Materialize all" in the UI runs
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in ENDED]


def build_sensor(*, interval_seconds: int, running: bool) -> dg.SensorDefinition:
    @dg.sensor(
        name="new_orders",
        job=sync_orders,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Starts sync_orders when rows wait in ORDER_LIST_DELTA or ORDER_LIST_LINES_DELTA.",
    )
    def new_orders(
        context: dg.SensorEvaluationContext, sql_server: ReadOnlySqlServerResource, runs: RunsResource
    ) -> dg.SensorResult:
        registry = runs.registry(context.instance)
        registry.report_dead()
        latest = list(context.instance.get_run_records(dg.RunsFilter(job_name=JOB_NAME), limit=8))
        unfinished = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        going = next((run for run in unfinished if run.job_name in JOBS), None)
        if going is not None:
            return _skip(context, f"Run {going.run_id} is {going.status.value}; the next tick looks again.")
        wait = _back_off(latest)
        if wait > 0:
            return _skip(context, f"The last run failed; trying again in {wait:.0f} s.")
        try:
            sql_server.check()
            reader = sql_server.reader
            # Rows that a failed or dead run still holds wait for the next run, not for their lease to expire.
            over = registry.over(lease.run_id for lease in reader.leases())
            headers, lines = reader.claimable_headers(over), reader.claimable_lines(over)
        finally:
            sql_server.database.dispose()
        rows = [*headers, *(line for line in lines if line["late"])]
        if not rows:
            return _skip(context, "No new rows.")
        newest = max(row["created_at"] for row in rows)
        # The same rows again, although the last run went well: something holds them back. Ask less and less often.
        seen = {"newest": newest.isoformat(), "rows": len(rows)}
        before = json.loads(context.cursor or "{}")
        same = before.get("seen") == seen and latest[:1] != []
        tries = before.get("tries", 0) + 1 if same else 0
        now = datetime.now(UTC).timestamp()
        wait = before.get("at", 0) + _delay(tries) - now if same and tries > 1 else 0
        if wait > 0:
            return _skip(context, f"{len(rows)} rows still wait after the last run; trying again in {wait:.0f} s.")
        customers = sorted({row["customer"] or "(no customer)" for row in rows})
        last_run = latest[0].dagster_run.run_id if latest else "none"
        request = dg.RunRequest(
            # Holds the run before it: a repeated key would be swallowed, and with it the retry of these rows.
            run_key=f"{newest.isoformat()}|{len(rows)}|{last_run}",
            run_config={"resources": {"scope": {"config": {"customers": []}}}},
            tags={
                "order_sync/scope": "all",
                "order_sync/headers": str(len(headers)),
                "order_sync/customers": _shown(customers),
            },
        )
        cursor = json.dumps({"seen": seen, "tries": tries, "at": now})
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return new_orders


def _skip(context: dg.SensorEvaluationContext, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=context.cursor)


def _back_off(runs: list[dg.RunRecord]) -> float:
    """Seconds still to wait after the latest failures in a row; `runs` are newest first."""
    failures = 0
    for record in runs:
        if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
            break
        failures += 1
    if not failures or runs[0].end_time is None:
        return 0.0
    return float(runs[0].end_time + _delay(failures) - datetime.now(UTC).timestamp())


def _delay(times: int) -> float:
    """Seconds to wait after so many disappointments in a row."""
    return float(min(FIRST_BACK_OFF * 2 ** (times - 1), LONGEST_BACK_OFF))


def _shown(customers: list[str]) -> str:
    rest = len(customers) - CUSTOMERS_SHOWN
    shown = ", ".join(customers[:CUSTOMERS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return shown[:250]  # a tag's value is at most 256 characters
