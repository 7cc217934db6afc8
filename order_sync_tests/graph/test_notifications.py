"""Messages to people, from real runs to a receiver on this machine: Slack's API, a Teams webhook and a mail server."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from order_sync.automation import notifications
from order_sync.automation.notifications import _digest, build_notifications, failed, first_reason
from order_sync.definitions import build_definitions
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import ConfigurationError, Fatal
from order_sync.settings import Settings, load_settings
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage, free_port, in_group
from order_sync_tests.graph.test_changes import delete_item
from order_sync_tests.graph.test_sensor import failed_run
from order_sync_tests.waiting import until

SECRETS = {"token": "xoxb-not-to-be-seen", "hook": "webhook-not-to-be-seen", "password": "mail-not-to-be-seen"}


@dataclass
class Receiver:
    """What has arrived, by channel."""

    slack: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    teams: list[dict[str, Any]] = field(default_factory=list)
    mails: list[Any] = field(default_factory=list)
    url: str = ""
    mail_port: int = 0

    def titles(self) -> list[str]:
        """The titles since the last time, the same ones on each channel."""
        slack = [message["text"].partition("\n")[0].strip("*") for message in self.slack]
        teams = [message["attachments"][0]["content"]["body"][0]["text"] for message in self.teams]
        assert [text.partition("\n")[0].strip("*") for text in teams] == slack
        assert [mail["subject"] for mail in self.mails] == slack
        return slack

    def clear(self) -> None:
        for channel in (self.slack, self.teams, self.mails):
            channel.clear()

    # aiosmtpd's handler
    async def handle_DATA(self, server: object, session: Any, envelope: Any) -> str:
        assert session.authenticated
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer: dict[str, Any] = {"ok": True}
            if self.path == "/api/chat.postMessage":
                is_json = "json" in (self.headers["Content-Type"] or "")
                receiver.slack.append(json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body).items()})
                receiver.tokens.add(self.headers["Authorization"])
            elif self.path == f"/{SECRETS['hook']}":
                receiver.teams.append(json.loads(body))
            else:
                answer = {"ok": False, "error": "not_here"}
            self.send_response(200 if answer["ok"] else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    def login(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password.decode() == SECRETS["password"]
        return AuthResult(success=good)

    receiver.mail_port = free_port()
    mail = Controller(receiver, "127.0.0.1", receiver.mail_port, authenticator=login, auth_require_tls=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            mail.start()
            yield receiver
        finally:
            mail.stop(no_assert=True)
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(notifications, "PAUSE", 0.0)
    with receiving() as receiver:
        yield receiver


def all_channels(settings: Settings, receiver: Receiver, **changed: object) -> Settings:
    channels: dict[str, object] = {
        "slack_token": SECRETS["token"],
        "slack_channel": "#orders",
        "slack_url": f"{receiver.url}/api",
        "teams_webhook": f"{receiver.url}/{SECRETS['hook']}",
        "email_to": "orders@site.example, night@site.example",
        "email_from": "sync@site.example",
        "email_host": "127.0.0.1",
        "email_port": receiver.mail_port,
        "email_security": "none",
        "email_user": "sync",
        "email_password": SECRETS["password"],
        "dagster_url": "http://dagster.example:3000/",
    }
    return with_settings(settings, **(channels | changed))


def with_settings(settings: Settings, **changed: Any) -> Settings:
    return load_settings(**(settings.model_dump() | changed))


class Sensors:
    """The two sensors, each tick going on where the one before ended. The first takes note of where they start."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.sensors = build_notifications(settings)
        self.cursors: dict[str, str | None] = {}
        self.tick()

    def tick(self) -> list[str]:
        """Ticks until no ended run is left; the errors of it."""
        errors = []
        for sensor in self.sensors:
            while True:
                before = self.cursors.get(sensor.name)
                with dg.build_sensor_context(instance=self.instance, cursor=before) as context:
                    data = sensor.evaluate_tick(context)
                errors += [r.error.to_string() for r in data.dagster_run_reactions or () if r.error is not None]
                self.cursors[sensor.name] = data.cursor
                if data.cursor == before:
                    break
        return errors


def test_failure_and_recovery_notify_once_and_rejections_each_time(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        for count in (1, 0, 0):
            failed_run(stage)
            assert sensors.tick() == []
            assert receiver.titles() == ["order_sync: sync_orders failed"][:count]
            if count:
                text = receiver.slack[0]["text"]
                assert "Reason: OS-321: This token cannot see board 4711. Check ORDER_SYNC_MONDAY_BOARD_ID" in text
                assert "Nothing is lost" in text
                (run,) = instance.get_runs(limit=1)
                link = f"http://dagster.example:3000/runs/{run.run_id}"
                assert f"<{link}|The run in Dagster>" in text
                assert f"]({link})" in receiver.teams[0]["attachments"][0]["content"]["body"][0]["text"]
                assert link in receiver.mails[0].get_content()
                assert receiver.mails[0]["to"] == "orders@site.example, night@site.example"
                assert receiver.slack[0]["channel"] == "#orders"
                assert receiver.tokens == {f"Bearer {SECRETS['token']}"}
            receiver.clear()

        # Another reason is another failure.
        stage.emulator.configure(faults=[Fault(kind=FaultKind.WRONG_VERSION, probability=1)])
        with pytest.raises(Fatal):
            stage.sync()
        stage.emulator.configure(faults=[])
        assert sensors.tick() == []
        assert receiver.titles() == ["order_sync: sync_orders failed"]
        receiver.clear()

        # The first good run reports that the failure is over, and what was rejected, with letters that are not ASCII.
        stage.add(make_order(number="good"))
        stage.add(
            make_order(
                number="bad",
                customer="Café Brontë <&> [log in](https://evil.invalid)",
                columns={"ORDER TYPE": "no such type"},
            )
        )
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == ["order_sync: sync_orders succeeds again", "order_sync: 1 row was rejected"]
        assert "synced 1 order." in receiver.mails[0].get_content()
        text = receiver.mails[1].get_content()
        assert (
            "order_list, nothing_rejected: 1 row was rejected. Correct the rows, then run `order-sync retry`." in text
        )
        assert "Café Brontë <&>" in text
        assert "no such label" in text
        assert "&lt;&amp;&gt;" in receiver.slack[1]["text"]
        assert receiver.slack[1]["parse"] == "none"
        card = receiver.teams[1]["attachments"][0]["content"]["body"][0]["text"]
        assert r"\[log in\]\(https://evil.invalid\)" in card
        receiver.clear()

        # Nothing new: nothing to report.
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == []


def test_a_dead_channel_stops_no_other_and_shows_no_secret(stage: Stage, receiver: Receiver) -> None:
    dead = f"http://127.0.0.1:{free_port()}/{SECRETS['hook']}"
    settings = all_channels(stage.settings, receiver, teams_webhook=dead, slack_url=f"{receiver.url}/elsewhere")
    with stage.instance() as instance:
        sensors = Sensors(settings, instance)
        failed_run(stage)
        (error,) = sensors.tick()
        assert "was not accepted by Slack (SlackApiError: not_here), Teams (ConnectionError)" in error
        assert not [secret for secret in SECRETS.values() if secret in error]
        assert len(receiver.mails) == 1
        failed_run(stage)
        assert sensors.tick() == []  # a notified failure is not notified again
        assert len(receiver.mails) == 1


def test_no_channel_no_sensor(stage: Stage) -> None:
    assert build_notifications(stage.settings) == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"slack_token": "t"}, "ORDER_SYNC_SLACK_CHANNEL"),
        ({"slack_channel": "#orders"}, "ORDER_SYNC_SLACK_TOKEN"),
        ({"email_to": "a@site.example"}, "ORDER_SYNC_EMAIL_FROM, ORDER_SYNC_EMAIL_HOST"),
        (
            {"email_to": "a@s.example", "email_from": "b@s.example", "email_host": "s.example", "email_user": "u"},
            "ORDER_SYNC_EMAIL_PASSWORD",
        ),
        ({"teams_webhook": "the channel"}, "ORDER_SYNC_TEAMS_WEBHOOK is not a URL"),
    ],
)
def test_a_channel_that_is_set_by_half_is_named(stage: Stage, given: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        build_notifications(with_settings(stage.settings, **given))


def test_differences_between_boards_are_reported_by_kind(stage: Stage) -> None:
    stage.add_orders(2)
    assert stage.sync().complete
    delete_item(stage, stage.inserts(stage.tables.header_queue)[0]["monday_item_id"])
    job = build_definitions(stage.settings).resolve_job_def("reconcile")
    with stage.instance() as instance:
        run_id = job.execute_in_process(instance=instance, raise_on_error=False).run_id
        run = instance.get_run_by_id(run_id)
        assert run is not None
        message = failed(instance, run, first_reason(instance, run_id), None)
    assert message.title == "order_sync: boards and tables differ"
    assert message.lines[0].startswith("Reason: OS-610: Tables and boards differ: ")
    assert "order-sync reconcile" in message.lines[1]


def test_a_number_that_grows_tenfold_is_another_reason() -> None:
    one, other, many = (f"differ: {n} items missing, run {uuid.uuid4()}" for n in ("1", "7", "1,500"))
    assert _digest(one) == _digest(other) != _digest(many)


def test_a_missing_library_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_slack", None)
    given = {"slack_token": "t", "slack_channel": "#orders"}
    with pytest.raises(ConfigurationError, match=r"pip install 'order-sync\[notify\]'"):
        build_notifications(with_settings(stage.settings, **given))


# ---- the real daemon ------------------------------------------------------------------------------------


@pytest.mark.on_disk
@pytest.mark.daemon
def test_the_daemon_keeps_freshness_and_reports_a_rejected_row(stage: Stage, receiver: Receiver) -> None:
    environment = {
        "ORDER_SYNC_SENSOR_SECONDS": "1",
        "ORDER_SYNC_SLACK_TOKEN": SECRETS["token"],
        "ORDER_SYNC_SLACK_CHANNEL": "#orders",
        "ORDER_SYNC_SLACK_URL": f"{receiver.url}/api",
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "1",
    }
    daemon = [sys.executable, "-m", "dagster._daemon", "run", "-m", "order_sync.definitions"]
    keys = [dg.AssetKey("order_list"), dg.AssetKey("order_list_lines")]
    with in_group(daemon, stage.folder, environment, quiet=True), stage.instance() as instance:

        def fresh() -> bool:
            records = instance.get_freshness_state_records(keys)
            return {record.freshness_state.value for record in records.values()} == {"PASS"} and len(records) == 2

        def listening() -> bool:
            states = {state.instigator_name: state.instigator_data for state in instance.all_instigator_state()}
            return getattr(states.get("notify_recoveries_and_checks"), "cursor", None) is not None

        until(fresh, "main tables that are fresh because nothing waits", every=0.3)
        until(listening, "the first tick of the notifying sensor", every=0.3)
        assert instance.get_runs_count() == 0
        stage.add(make_order(columns={"ORDER TYPE": "no such type"}))
        until(lambda: receiver.slack, "the message", every=0.3)
    assert receiver.slack[0]["text"].startswith("*order_sync: 1 row was rejected*")
