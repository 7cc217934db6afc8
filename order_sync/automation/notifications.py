"""Messages to people: a reason why orders wait has begun, or has ended; a run rejects or cancels more than usual.

In: a finished run in Dagster. Out: one message to each channel (channels.py).
A reason is reported once when it begins, and once when it has ended; a run of days ago is not reported. A message never
contains an order: only counts, the reason with its code, the next step and a link.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from order_sync.automation.channels import Channel, Message, Severity, channels_of
from order_sync.automation.jobs import RECONCILE, syncs_orders
from order_sync.orders.catalogue import find, what_to_do
from order_sync.orders.errors import OrderSyncError, causes
from order_sync.orders.faults import RunFault
from order_sync.resources.run_codes import OPEN
from order_sync.settings import Settings
from order_sync.text.counted import counted

NOTIFIED = "order_sync/told"  # tag of a reported run: failed or recovered
REASON = "order_sync/told_reason"
REASONS, OPEN_REASONS = "order_sync/told_reasons", "order_sync/told_open"  # that were reported, and are open
LOOK_BACK = 50  # runs; after this many failures in a row the same reason is reported again
RECENT = timedelta(hours=1)  # a run that ended longer ago is reported only if no other has finished since
REPORTED_FOR = timedelta(days=1)  # a run that ended longer ago is not reported
USUAL_RUNS = 20  # the most that one of them rejected or cancelled is usual
FEW = 10  # rows or orders that are never many
TIMES = 3  # more than this many times the usual number are many
LONGEST_REASON = 600
BY_CODE = ("nothing_rejected", "no_order_held", "labels_known")  # checks whose findings have codes


class NotSent(OrderSyncError):
    """A channel did not accept a message."""

    why = RunFault.NOT_SENT


def build_notifications(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors that send messages; none if no channel is set.

    Raises ConfigurationError for an address that cannot be used.
    """
    urls = settings.notify_urls.get_secret_value() if settings.notify_urls else None
    channels = channels_of(urls)
    if not channels or settings.dry_run:
        return []
    url = settings.dagster_url
    common: dict[str, Any] = {
        "default_status": dg.DefaultSensorStatus.RUNNING,
        "minimum_interval_seconds": settings.sensor_seconds,
    }

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE, description="Reports failed runs, once for each reason.", **common
    )
    def notify_failures(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        instance, run = context.instance, context.dagster_run
        if unreported := _unreported(instance, run):
            return dg.SkipReason(unreported)
        reason = first_reason(instance, run.run_id)
        if _is_notified(instance, run, reason):
            return dg.SkipReason("The same failure has already been reported.")
        tags = {NOTIFIED: "failed", REASON: _digest(reason)}
        _send(context, channels, [failed(instance, run, reason, url)], tags)
        return None

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        description="Reports runs that succeed again, and reasons why orders wait that have begun or ended.",
        **common,
    )
    def notify_recoveries_and_reasons(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        instance, run = context.instance, context.dagster_run
        if unreported := _unreported(instance, run):
            return dg.SkipReason(unreported)
        messages: list[Message] = []
        tags: dict[str, str] = {}
        if _is_first_after_failure(instance, run):
            messages.append(recovered(instance, run, url))
            tags[NOTIFIED] = "recovered"
        if changed := changes(instance, run):
            messages += of_reasons(instance, run, changed, url)
            tags |= {REASONS: "reasons", OPEN_REASONS: " ".join(changed.now)}
        messages += unusual(instance, run, url)
        _send(context, channels, messages, tags)
        return None if messages else dg.SkipReason("Nothing to report.")

    return [notify_failures, notify_recoveries_and_reasons]


def _unreported(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Why nobody needs to know what became of the run."""
    if not _is_ours(run):
        return "The run is not of order_sync."
    return "The run ended long ago." if _is_past(instance, run) else None


def _is_ours(run: dg.DagsterRun) -> bool:
    """Dagster hands the sensors the runs of the whole project, which may have other jobs."""
    return run.job_name == RECONCILE or syncs_orders(run)


def _send(
    context: dg.RunStatusSensorContext,
    channels: Sequence[Channel],
    messages: Sequence[Message],
    tags: Mapping[str, str],
) -> None:
    """Sends each message to every channel, and keeps on the run what people know if one of them accepted it.

    Raises NotSent if a channel did not; the others are not sent to again.
    """
    sent = {(channel.name, message.title): channel.accepts(message) for message in messages for channel in channels}
    if any(sent.values()) and tags:
        context.instance.add_run_tags(context.dagster_run.run_id, dict(tags))
    wrong = [f"'{title}' by {name}" for (name, title), accepted in sent.items() if not accepted]
    if wrong:
        raise NotSent(f"Not accepted: {', '.join(wrong)}. Check the address and the network.")


# ---- the messages -----------------------------------------------------------------------------------------


def failed(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str, url: str | None) -> Message:
    if run.job_name == RECONCILE:
        lines = (f"Reason: {reason}", "Next: `order-sync reconcile` lists the differences and what to do about them.")
        return Message(
            severity=Severity.WARNING, title="order_sync: boards and tables differ", lines=lines, link=_link(url, run)
        )
    claimed = _metadata(instance, run.run_id, "pending_headers").get("record_uuids", 0)
    return Message(
        severity=Severity.FAILURE,
        title=f"order_sync: {run.job_name} failed",
        lines=(
            f"Reason: {reason}",
            f"Orders claimed by the run: {claimed}. Nothing is lost: the next run continues with them.",
            "Next: follow the advice in the reason. The sensor retries automatically, with growing pauses; its next "
            "success is reported as well.",
        ),
        link=_link(url, run),
    )


def recovered(instance: dg.DagsterInstance, run: dg.DagsterRun, url: str | None) -> Message:
    if run.job_name == RECONCILE:
        return Message(
            severity=Severity.SUCCESS,
            title="order_sync: boards and tables agree again",
            lines=("Next: nothing.",),
            link=_link(url, run),
        )
    synced = _metadata(instance, run.run_id, "order_list").get("dagster/row_count", 0)
    return Message(
        severity=Severity.SUCCESS,
        title=f"order_sync: {run.job_name} succeeds again",
        lines=(f"The first run after the failure synced {counted(synced, 'order')}.", "Next: nothing."),
        link=_link(url, run),
    )


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The reasons that are open after a run (codes and checks, with the number of orders), and what people know."""

    now: Mapping[str, int | None]
    before: frozenset[str]

    @property
    def begun(self) -> list[str]:
        return [reason for reason in self.now if reason not in self.before]

    @property
    def ended(self) -> list[str]:
        return sorted(self.before - self.now.keys())

    def __bool__(self) -> bool:
        return bool(self.begun or self.ended)


def of_reasons(
    instance: dg.DagsterInstance, run: dg.DagsterRun, changed: Changes, url: str | None
) -> Iterator[Message]:
    """One message for the reasons that have begun, and one for those that have ended."""
    if begun := changed.begun:
        checks = {check.check_name: check for check in _failed_checks(instance, run.run_id)}
        lines = [
            f"{_named(reason)}: {counted(changed.now[reason] or 0, 'order')}. {_next(reason)}"
            if reason not in checks
            else f"{reason}: {checks[reason].description}"
            for reason in begun
        ]
        more = f" and {counted(len(begun) - 1, 'other reason')}" if len(begun) > 1 else ""
        title = f"order_sync: orders need attention: {_named(begun[0])}{more}"
        yield Message(severity=Severity.WARNING, title=title, lines=tuple(lines), link=_link(url, run))
    if ended := changed.ended:
        lines = [f"{_named(reason)}: no order waits for this reason any more." for reason in ended]
        title = f"order_sync: no longer: {', '.join(map(_named, ended))}"
        yield Message(severity=Severity.SUCCESS, title=title, lines=(*lines, "Next: nothing."), link=_link(url, run))


def unusual(instance: dg.DagsterInstance, run: dg.DagsterRun, url: str | None) -> Iterator[Message]:
    """A run rejects rows, or cancels orders, many times more often than any of the runs before it."""
    runs = instance.fetch_materializations(dg.AssetKey("order_list"), limit=USUAL_RUNS + LOOK_BACK).records
    counts = {record.run_id: _counts(record) for record in runs}
    own = counts.get(run.run_id)
    if own is None:
        return
    before = list(counts.values())[list(counts).index(run.run_id) + 1 :][:USUAL_RUNS]
    for number, (what, done, check) in enumerate(
        (("row", "rejected", "order-sync report"), ("item", "cancelled", "order-sync report"))
    ):
        usual = max((one[number] for one in before), default=0)
        if before and own[number] > max(FEW, TIMES * usual):
            yield Message(
                severity=Severity.WARNING,
                title=f"order_sync: {counted(own[number], what)} {done} in one run",
                lines=(
                    f"None of the last {counted(len(before), 'run')} had more than {usual:,}.",
                    f"Next: look for the cause with `{check}`, and in what your order system wrote last.",
                ),
                link=_link(url, run),
            )


def _counts(record: Any) -> tuple[int, int]:
    """How many rows a run rejected, and how many orders it cancelled."""
    metadata = record.asset_materialization.metadata
    found = [metadata.get(name) for name in ("rejected", "cancelled")]
    rejected, cancelled = (int(str(value.value)) if value is not None else 0 for value in found)
    return rejected, cancelled


def _named(reason: str) -> str:
    code = find(reason)
    return f"{code} ({code.heading})" if code else reason


def _next(reason: str) -> str:
    code = find(reason)
    return f"Next: {what_to_do(code)}" if code else ""


def _link(url: str | None, run: dg.DagsterRun) -> str | None:
    return f"{url.rstrip('/')}/runs/{run.run_id}" if url else None


# ---- runs in Dagster --------------------------------------------------------------------------------------


def first_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: order_sync's error among the causes of the first failure, else the innermost error."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [log.dagster_event for log in instance.all_logs(run_id, of_type=kinds) if log.dagster_event is not None]
    for event in sorted(events, key=lambda event: event.event_type is dg.DagsterEventType.RUN_FAILURE):
        chain = list(causes(getattr(event.event_specific_data, "error", None)))
        ours = [error for error in chain if error.message.startswith("order_sync.")]
        if chain:
            # The outermost of ours: it says what to do next.
            text = (ours or chain[-1:])[0].message.strip()
            return re.sub(r"^(order_sync|dagster)[\w.]*: ", "", text)[:LONGEST_REASON]
    return (events[0].message if events and events[0].message else "Dagster has no reason.")[:LONGEST_REASON]


def changes(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Changes:
    """What is open after the run, and what was when people heard of it last."""
    now: dict[str, int | None] = {}
    for entry in run.tags.get(OPEN, "").split():
        code, _, count = entry.partition(":")
        now[code] = int(count)
    failed_checks = [check.check_name for check in _failed_checks(instance, run.run_id)]
    now |= dict.fromkeys(check for check in failed_checks if check not in BY_CODE)
    known = instance.get_run_records(dg.RunsFilter(job_name=run.job_name, tags={REASONS: "reasons"}), limit=1)
    before = known[0].dagster_run.tags[OPEN_REASONS].split() if known else []
    return Changes(now=now, before=frozenset(before))


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [log.dagster_event.asset_check_evaluation_data for log in logs if log.dagster_event is not None]
    return [check for check in found if not check.passed]


def _metadata(instance: dg.DagsterInstance, run_id: str, asset: str) -> dict[str, Any]:
    for log in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        if log.dagster_event is not None and log.dagster_event.asset_key == dg.AssetKey(asset):
            made = log.dagster_event.step_materialization_data.materialization
            return {name: value.value for name, value in made.metadata.items()}
    return {}


def _before(
    instance: dg.DagsterInstance, run: dg.DagsterRun, statuses: list[dg.DagsterRunStatus]
) -> Iterator[dg.RunRecord]:
    """Earlier runs of the same job, newest first."""
    records = iter(instance.get_run_records(dg.RunsFilter(job_name=run.job_name, statuses=statuses), limit=LOOK_BACK))
    for record in records:
        if record.dagster_run.run_id == run.run_id:
            break
    yield from (record for record in records if _is_ours(record.dagster_run))


def _is_notified(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str) -> bool:
    """The same reason has been reported since the last successful run."""
    for record in _before(instance, run, [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]):
        if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
            return False
        if record.dagster_run.tags.get(REASON) == _digest(reason):
            return True
    return False


def _is_first_after_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """The last report about this job said that it fails. A manual run may lie in between."""
    notified = dg.RunsFilter(job_name=run.job_name, tags={NOTIFIED: ["failed", "recovered"]})
    latest = next((record.dagster_run for record in instance.get_run_records(notified, limit=1)), None)
    return latest is not None and latest.tags[NOTIFIED] == "failed" and latest.run_id != run.run_id


def _digest(reason: str) -> str:
    """Equal for reasons that differ only in ids; a count that grows tenfold makes a new reason."""
    plain = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{7,}", "#", reason)
    plain = re.sub(r"\d[\d,.]*", lambda number: "#" * len(number[0].split(".")[0].replace(",", "")), plain)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _is_past(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """The daemon was off when the run ended, and nobody needs to know it any more."""
    record = instance.get_run_record_by_id(run.run_id)
    if record is None or record.end_time is None:
        return False
    age = datetime.now(UTC) - datetime.fromtimestamp(record.end_time, UTC)
    if age < RECENT:
        return False
    finished = dg.RunsFilter(job_name=run.job_name, statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    [latest] = instance.get_run_records(finished, limit=1)
    return age > REPORTED_FOR or latest.dagster_run.run_id != run.run_id
