"""Messages to people: runs fail, runs succeed again, or a run needs attention.

In: a finished run in Dagster. Out: one message to each configured channel (Slack, Teams, e-mail).
Reports a failure once, not with every retry of the sensor. Never contains an order: only counts, the first reason, the
next step and a link.
"""

import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import dagster as dg
from tenacity import Retrying, stop_after_attempt, wait_fixed

from order_sync.automation.jobs import RECONCILE
from order_sync.orders.errors import ConfigurationError, OrderSyncError, causes
from order_sync.orders.faults import RunFault, SettingsFault
from order_sync.settings import Settings
from order_sync.text import plain_text
from order_sync.text.counted import counted

NOTIFIED = "order_sync/told"  # tag of a reported run: failed, recovered or checks
REASON = "order_sync/told_reason"
LOOK_BACK = 50  # runs; after this many failures in a row the same reason is reported again
ATTEMPTS, PAUSE, TIMEOUT = 3, 1.0, 10.0  # a sensor tick has a minute in all
LONGEST_REASON = 600
LONGEST_LINE = 1_000
NEVER_THE_SAME = (
    "nothing_rejected"  # about the run's own rows; other checks may fail in every run for the same old reason
)


@dataclass(frozen=True, kw_only=True)
class Message:
    title: str
    lines: tuple[str, ...]
    link: str | None

    def __post_init__(self) -> None:
        # A name with a line break would add lines.
        object.__setattr__(self, "title", plain_text.line(self.title, LONGEST_REASON))
        object.__setattr__(self, "lines", tuple(plain_text.line(line, LONGEST_LINE) for line in self.lines))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


Send = Callable[[Message], None]


class NotSent(OrderSyncError):
    """A channel did not accept a message."""

    why = RunFault.NOT_SENT


def build_notifications(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors that send messages; none if no channel is set.

    Raises ConfigurationError if a channel is only partly configured.
    """
    channels = channels_of(settings)
    if not channels or settings.dry_run:
        return []
    common: dict[str, Any] = {
        "default_status": dg.DefaultSensorStatus.RUNNING,
        "minimum_interval_seconds": settings.sensor_seconds,
    }

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE, description="Reports failed runs, once for each reason.", **common
    )
    def notify_failures(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        reason = first_reason(context.instance, context.dagster_run.run_id)
        if _is_notified(context.instance, context.dagster_run, reason):
            return dg.SkipReason("The same failure has already been reported.")
        message = failed(context.instance, context.dagster_run, reason, settings.dagster_url)
        _notify(context, channels, message, {NOTIFIED: "failed", REASON: _digest(reason)})
        return None

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        description="Reports runs that succeed again, rejected rows and failed checks.",
        **common,
    )
    def notify_recoveries_and_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        instance, run = context.instance, context.dagster_run
        messages = []
        if _is_first_after_failure(instance, run):
            messages.append((recovered(instance, run, settings.dagster_url), "recovered"))
        if checks := new_failed_checks(instance, run):
            messages.append((needs_a_person(instance, run, checks, settings.dagster_url), "checks"))
        for message, what in messages:
            _notify(context, channels, message, {NOTIFIED: messages[0][1]} if what == messages[0][1] else {})
        return None if messages else dg.SkipReason("Nothing to report.")

    return [notify_failures, notify_recoveries_and_checks]


# ---- the messages -----------------------------------------------------------------------------------------


def failed(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str, url: str | None) -> Message:
    if run.job_name == RECONCILE:
        lines = (f"Reason: {reason}", "Next: `order-sync reconcile` lists the differences and what to do about them.")
        return Message(title="order_sync: boards and tables differ", lines=lines, link=_link(url, run))
    claimed = _metadata(instance, run.run_id, "pending_headers").get("record_uuids", 0)
    return Message(
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
            title="order_sync: boards and tables agree again", lines=("Next: nothing.",), link=_link(url, run)
        )
    synced = _metadata(instance, run.run_id, "order_list").get("dagster/row_count", 0)
    return Message(
        title=f"order_sync: {run.job_name} succeeds again",
        lines=(f"The first run after the failure synced {counted(synced, 'order')}.", "Next: nothing."),
        link=_link(url, run),
    )


def needs_a_person(
    instance: dg.DagsterInstance, run: dg.DagsterRun, checks: Sequence[dg.AssetCheckEvaluation], url: str | None
) -> Message:
    of_run = _metadata(instance, run.run_id, "order_list")
    rejected = next((check for check in checks if check.check_name == NEVER_THE_SAME), None)
    count = int(str(rejected.metadata["rejected"].value)) if rejected else 0
    what = f"{counted(count, 'row was', 'rows were')} rejected" if rejected else f"check {checks[0].check_name} failed"
    return Message(
        title=f"order_sync: {what}",
        lines=(
            f"The run synced {counted(of_run.get('dagster/row_count', 0), 'order')}, "
            f"and held back {of_run.get('held back', 0)}.",
            *(line for check in checks for line in _lines_of(check)),
        ),
        link=_link(url, run),
    )


def _lines_of(check: dg.AssetCheckEvaluation) -> Iterator[str]:
    yield f"{check.asset_key.to_user_string()}, {check.check_name}: {check.description}"
    rows = check.metadata.get("rows")
    first = rows.records[0] if isinstance(rows, dg.TableMetadataValue) and rows.records else None
    if first is not None:
        yield "First: " + ", ".join(f"{name} {value}" for name, value in first.data.items() if value)


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


def new_failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckEvaluation]:
    """The run's failed checks, except those that said the same about the last successful run."""
    before = next((record.dagster_run for record in _before(instance, run, [dg.DagsterRunStatus.SUCCESS])), None)
    known = {(c.check_name, c.description) for c in _failed_checks(instance, before.run_id)} if before else set()
    return [
        check
        for check in _failed_checks(instance, run.run_id)
        if check.check_name == NEVER_THE_SAME or (check.check_name, check.description) not in known
    ]


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [log.dagster_event.asset_check_evaluation_data for log in logs if log.dagster_event is not None]
    return sorted((check for check in found if not check.passed), key=lambda check: check.check_name != NEVER_THE_SAME)


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
    yield from records


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


# ---- channels ---------------------------------------------------------------------------------------------


def _notify(
    context: dg.RunStatusSensorContext, channels: dict[str, Send], message: Message, tags: dict[str, str]
) -> None:
    """Sends to every channel. Raises NotSent if a channel did not accept it; the others are not sent to again."""
    wrong = []
    for name, send in channels.items():
        try:
            Retrying(stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(PAUSE), reraise=True)(send, message)
        except Exception as error:
            # Only the error's type: its text may contain the URL of a webhook, which is a secret.
            wrong.append(f"{name} ({type(error).__name__}{_code(error)})")
    if len(wrong) < len(channels) and tags:
        context.instance.add_run_tags(context.dagster_run.run_id, tags)
    if wrong:
        raise NotSent(f"'{message.title}' was not accepted by {', '.join(wrong)}. Check its settings and the network.")


def _code(error: Exception) -> str:
    """The error code of Slack or of a mail server."""
    answer = getattr(getattr(error, "response", None), "get", lambda name: None)("error")
    code = answer or getattr(error, "smtp_code", None)
    return f": {code}" if code else ""


def channels_of(settings: Settings) -> dict[str, Send]:
    """The send function of each channel.

    Raises ConfigurationError if a channel is only partly configured or its library is missing.
    """
    channels: dict[str, Send] = {}
    slack = {"ORDER_SYNC_SLACK_TOKEN": settings.slack_token, "ORDER_SYNC_SLACK_CHANNEL": settings.slack_channel}
    if _complete(slack):
        channels["Slack"] = _slack(settings)
    if settings.teams_webhook is not None:
        webhook = settings.teams_webhook.get_secret_value()
        if not webhook.startswith(("https://", "http://")):
            raise ConfigurationError(
                "ORDER_SYNC_TEAMS_WEBHOOK is not a URL: copy it from the channel's workflow.", SettingsFault.CHANNEL
            )
        channels["Teams"] = _teams(webhook)
    mail = {
        "ORDER_SYNC_EMAIL_TO": settings.email_to,
        "ORDER_SYNC_EMAIL_FROM": settings.email_from,
        "ORDER_SYNC_EMAIL_HOST": settings.email_host,
    }
    if _complete(mail):
        _complete({"ORDER_SYNC_EMAIL_USER": settings.email_user, "ORDER_SYNC_EMAIL_PASSWORD": settings.email_password})
        channels["e-mail"] = _email(settings)
    return channels


def _complete(wanted: dict[str, Any]) -> bool:
    missing = [name for name, value in wanted.items() if value is None]
    if missing and len(missing) < len(wanted):
        there = next(name for name, value in wanted.items() if value is not None)
        raise ConfigurationError(
            f"{there} is set, so these must be set as well: {', '.join(missing)}.", SettingsFault.CHANNEL
        )
    return not missing


def _slack(settings: Settings) -> Send:
    try:
        from dagster_slack import SlackResource
    except ImportError:
        raise _no_library("ORDER_SYNC_SLACK_TOKEN") from None
    assert settings.slack_token is not None  # noqa: S101 - channels_of asked
    client = SlackResource(token=settings.slack_token.get_secret_value()).get_client()
    client.base_url = settings.slack_url.rstrip("/") + "/"  # the resource has no field for the URL
    client.timeout = int(TIMEOUT)

    def send(message: Message) -> None:
        text = f"*{plain_text.slack(message.title)}*\n{plain_text.slack(message.text)}"
        text += f"\n<{message.link}|The run in Dagster>" if message.link else ""
        client.chat_postMessage(channel=settings.slack_channel or "", text=text, unfurl_links=False, parse="none")

    return send


def _teams(webhook: str) -> Send:
    try:
        from dagster_msteams import Card, MSTeamsResource
        from dagster_msteams.adaptive_card import AdaptiveCard
    except ImportError:
        raise _no_library("ORDER_SYNC_TEAMS_WEBHOOK") from None
    client = MSTeamsResource(hook_url=webhook, timeout=TIMEOUT).get_client()

    def send(message: Message) -> None:
        card: Any = (Card if client.is_legacy_webhook() else AdaptiveCard)()
        lines = [f"**{message.title}**", *map(plain_text.markdown, message.lines)]
        if message.link:
            lines.append(f"[The run in Dagster]({message.link})")
        card.add_attachment("\n\n".join(lines))
        client.post_message(card.payload)

    return send


def _email(settings: Settings) -> Send:
    """Uses the standard library: Dagster's helper reports only failures, in ASCII, and always logs in."""

    def send(message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"] = message.title, settings.email_from or ""
        mail["To"] = settings.email_to or ""
        mail.set_content(message.text + (f"\n\n{message.link}" if message.link else "") + "\n")
        host, port, safe = settings.email_host or "", settings.email_port, ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=safe)
            if settings.email_security == "tls"
            else smtplib.SMTP(host, port, timeout=TIMEOUT)
        )
        with server:
            if settings.email_security == "starttls":
                server.starttls(context=safe)
            if settings.email_user and settings.email_password:
                server.login(settings.email_user, settings.email_password.get_secret_value())
            server.send_message(mail)

    return send


def _no_library(setting: str) -> ConfigurationError:
    return ConfigurationError(
        f"{setting} is set, but its library is missing: pip install 'order-sync[notify]'.", SettingsFault.CHANNEL
    )
