"""Messages to people: runs fail, they work again, or something of a run needs a person.

In: Dagster's record of a run that has ended. Out: one message to each of Slack, Teams and e-mail that is set.
A failure is told once and not with each try of the sensor, which tries again for as long as it lasts. Holds no order:
counts, the first reason, what to do, and a link.
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
from order_sync.settings import Settings
from order_sync.text import plain_text
from order_sync.text.counted import counted

TOLD = "order_sync/told"  # tag of a run that a message was sent about: failed, recovered or checks
REASON = "order_sync/told_reason"
LOOK_BACK = 50  # runs; after so many failures in a row the same reason is told again
ATTEMPTS, PAUSE, TIMEOUT = 3, 1.0, 10.0  # a sensor has a minute for all of it
LONGEST_REASON = 600
LONGEST_LINE = 1_000
NEVER_THE_SAME = "nothing_rejected"  # a check about the run's own rows: others may fail in each run for one old reason


@dataclass(frozen=True, kw_only=True)
class Message:
    title: str
    lines: tuple[str, ...]
    link: str | None

    def __post_init__(self) -> None:
        # A name with a line break would make lines of its own.
        object.__setattr__(self, "title", plain_text.line(self.title, LONGEST_REASON))
        object.__setattr__(self, "lines", tuple(plain_text.line(line, LONGEST_LINE) for line in self.lines))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


Send = Callable[[Message], None]


class NotSent(OrderSyncError):
    """A channel did not take a message."""


def build_notifications(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors that tell; none where no channel is set. Raises ConfigurationError if one is set by half."""
    channels = channels_of(settings)
    if not channels or settings.dry_run:
        return []
    common: dict[str, Any] = {
        "default_status": dg.DefaultSensorStatus.RUNNING,
        "minimum_interval_seconds": settings.sensor_seconds,
    }

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        description="Tells people that runs fail, once for each reason.",
        **common,
    )
    def tell_failures(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        reason = first_reason(context.instance, context.dagster_run.run_id)
        if _is_told(context.instance, context.dagster_run, reason):
            return dg.SkipReason("The same failure has been told before.")
        message = failed(context.instance, context.dagster_run, reason, settings.dagster_url)
        _tell(context, channels, message, {TOLD: "failed", REASON: _digest(reason)})
        return None

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        description="Tells people that runs work again, that rows were rejected, or that a check failed.",
        **common,
    )
    def tell_recoveries_and_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        instance, run = context.instance, context.dagster_run
        messages = []
        if _is_first_after_failure(instance, run):
            messages.append((recovered(instance, run, settings.dagster_url), "recovered"))
        if checks := new_failed_checks(instance, run):
            messages.append((needs_a_person(instance, run, checks, settings.dagster_url), "checks"))
        for message, what in messages:
            _tell(context, channels, message, {TOLD: messages[0][1]} if what == messages[0][1] else {})
        return None if messages else dg.SkipReason("Nothing to tell.")

    return [tell_failures, tell_recoveries_and_checks]


# ---- what is told -----------------------------------------------------------------------------------------


def failed(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str, url: str | None) -> Message:
    if run.job_name == RECONCILE:
        lines = (f"Reason: {reason}", "Next: `order-sync reconcile` lists what differs, and says what can be done.")
        return Message(title="order_sync: boards and tables differ", lines=lines, link=_link(url, run))
    claimed = _metadata(instance, run.run_id, "pending_headers").get("record_uuids", 0)
    return Message(
        title=f"order_sync: {run.job_name} failed",
        lines=(
            f"Reason: {reason}",
            f"Orders that the run had taken up: {claimed}. Nothing is lost: the next run goes on with them.",
            "Next: do what the reason says. The sensor tries again by itself, less and less often; its next success "
            "is told, too.",
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
        title=f"order_sync: {run.job_name} works again",
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
            f"and held {of_run.get('held back', 0)} back.",
            *(line for check in checks for line in _told_by(check)),
        ),
        link=_link(url, run),
    )


def _told_by(check: dg.AssetCheckEvaluation) -> Iterator[str]:
    yield f"{check.asset_key.to_user_string()}, {check.check_name}: {check.description}"
    rows = check.metadata.get("rows")
    first = rows.records[0] if isinstance(rows, dg.TableMetadataValue) and rows.records else None
    if first is not None:
        yield "First: " + ", ".join(f"{name} {value}" for name, value in first.data.items() if value)


def _link(url: str | None, run: dg.DagsterRun) -> str | None:
    return f"{url.rstrip('/')}/runs/{run.run_id}" if url else None


# ---- what Dagster knows of runs ---------------------------------------------------------------------------


def first_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: our own error among the causes of the first failure, else the innermost one."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [log.dagster_event for log in instance.all_logs(run_id, of_type=kinds) if log.dagster_event is not None]
    for event in sorted(events, key=lambda event: event.event_type is dg.DagsterEventType.RUN_FAILURE):
        chain = list(causes(getattr(event.event_specific_data, "error", None)))
        ours = [error for error in chain if error.message.startswith("order_sync.")]
        if chain:
            # Of ours the outermost: it says what to do next.
            text = (ours or chain[-1:])[0].message.strip()
            return re.sub(r"^(order_sync|dagster)[\w.]*: ", "", text)[:LONGEST_REASON]
    return (events[0].message if events and events[0].message else "Dagster gives none.")[:LONGEST_REASON]


def new_failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckEvaluation]:
    """The run's failed checks, without those that said the same of the good run before it."""
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


def _is_told(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str) -> bool:
    """The same reason was told since a run last went well."""
    for record in _before(instance, run, [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]):
        if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
            return False
        if record.dagster_run.tags.get(REASON) == _digest(reason):
            return True
    return False


def _is_first_after_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """The last that people were told of this job's health is that it fails. A run by hand may lie in between."""
    told = dg.RunsFilter(job_name=run.job_name, tags={TOLD: ["failed", "recovered"]})
    latest = next((record.dagster_run for record in instance.get_run_records(told, limit=1)), None)
    return latest is not None and latest.tags[TOLD] == "failed" and latest.run_id != run.run_id


def _digest(reason: str) -> str:
    """The same for reasons that differ in ids only; a number of rows is another reason when it grows tenfold."""
    plain = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{7,}", "#", reason)
    plain = re.sub(r"\d[\d,.]*", lambda number: "#" * len(number[0].split(".")[0].replace(",", "")), plain)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


# ---- channels ---------------------------------------------------------------------------------------------


def _tell(
    context: dg.RunStatusSensorContext, channels: dict[str, Send], message: Message, tags: dict[str, str]
) -> None:
    """Sends to every channel. Raises NotSent if one has not taken it; a message that one has is not sent again."""
    wrong = []
    for name, send in channels.items():
        try:
            Retrying(stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(PAUSE), reraise=True)(send, message)
        except Exception as error:
            # Only its kind: the text of such an error may hold the address of a webhook, which is a secret.
            wrong.append(f"{name} ({type(error).__name__}{_code(error)})")
    if len(wrong) < len(channels) and tags:
        context.instance.add_run_tags(context.dagster_run.run_id, tags)
    if wrong:
        raise NotSent(f"'{message.title}' was not taken by {', '.join(wrong)}. Check its settings and the network.")


def _code(error: Exception) -> str:
    """What Slack or a mail server calls the error."""
    answer = getattr(getattr(error, "response", None), "get", lambda name: None)("error")
    code = answer or getattr(error, "smtp_code", None)
    return f": {code}" if code else ""


def channels_of(settings: Settings) -> dict[str, Send]:
    """How to send, by channel. Raises ConfigurationError if a channel is set by half or its library is missing."""
    channels: dict[str, Send] = {}
    slack = {"ORDER_SYNC_SLACK_TOKEN": settings.slack_token, "ORDER_SYNC_SLACK_CHANNEL": settings.slack_channel}
    if _complete(slack):
        channels["Slack"] = _slack(settings)
    if settings.teams_webhook is not None:
        webhook = settings.teams_webhook.get_secret_value()
        if not webhook.startswith(("https://", "http://")):
            raise ConfigurationError("ORDER_SYNC_TEAMS_WEBHOOK is no address: copy it from the channel's workflow.")
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
        raise ConfigurationError(f"{there} is set, so these must be, too: {', '.join(missing)}.")
    return not missing


def _slack(settings: Settings) -> Send:
    try:
        from dagster_slack import SlackResource
    except ImportError:
        raise _no_library("ORDER_SYNC_SLACK_TOKEN") from None
    assert settings.slack_token is not None  # noqa: S101 - channels_of asked
    client = SlackResource(token=settings.slack_token.get_secret_value()).get_client()
    client.base_url = settings.slack_url.rstrip("/") + "/"  # the resource has no field for it
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
    """Dagster's own helper tells of failures only, in ASCII, and always logs in; so this is the standard library."""

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
    return ConfigurationError(f"{setting} is set, and its library is missing: pip install 'order-sync[notify]'.")
