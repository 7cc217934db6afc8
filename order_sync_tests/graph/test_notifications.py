"""Messages to people, from real runs to receivers on this machine: a webhook and a mail server."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from order_sync.automation import channels, notifications
from order_sync.automation.channels import addresses, channels_of
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

SECRETS = {"hook": "webhook-not-to-be-seen", "password": "mail-not-to-be-seen"}
FAILED, RECOVERED = "order_sync: sync_orders failed", "order_sync: sync_orders succeeds again"
LABEL = "order_sync: orders need attention: OS-406 (Label missing on the board)"


@dataclass
class Receiver:
    """What has arrived, by channel."""

    hooks: list[dict[str, str]] = field(default_factory=list)
    mails: list[Any] = field(default_factory=list)
    url: str = ""
    mail_port: int = 0

    def titles(self) -> list[str]:
        """The titles since the last time, the same ones on each channel."""
        titles = [message["title"] for message in self.hooks]
        assert [mail["subject"] for mail in self.mails] == titles
        return titles

    def clear(self) -> None:
        self.hooks.clear()
        self.mails.clear()

    @property
    def webhook(self) -> str:
        return f"json://{self.url}/{SECRETS['hook']}"

    @property
    def mail(self) -> str:
        login = f"sync:{SECRETS['password']}@127.0.0.1:{self.mail_port}"
        return f"mailto://{login}?mode=insecure&from=sync@site.example&to=orders@site.example"

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
            is_known = self.path.rstrip("/") == f"/{SECRETS['hook']}"
            if is_known:
                receiver.hooks.append(json.loads(body))
            self.send_response(200 if is_known else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    def login(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password.decode() == SECRETS["password"]
        return AuthResult(success=good)

    receiver.mail_port = free_port()
    mail = Controller(receiver, "127.0.0.1", receiver.mail_port, authenticator=login, auth_require_tls=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"127.0.0.1:{server.server_port}"
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
    monkeypatch.setattr(channels, "PAUSE", 0.0)
    with receiving() as receiver:
        yield receiver


def all_channels(settings: Settings, receiver: Receiver, **changed: object) -> Settings:
    given: dict[str, object] = {
        "notify_urls": f"{receiver.webhook}\n{receiver.mail}",
        "dagster_url": "http://dagster.example:3000/",
    }
    return with_settings(settings, **(given | changed))


def with_settings(settings: Settings, **changed: Any) -> Settings:
    return load_settings(**(settings.model_dump() | changed))


def reject(stage: Stage, count: int) -> list[str]:
    """Queues orders with a label that the board lacks; returns their record_uuids."""
    orders = [make_order(customer="Café Brontë <&>", columns={"ORDER TYPE": "no such type"}) for _ in range(count)]
    for order in orders:
        stage.add(order)
    return [str(order.headers[0]["record_uuid"]) for order in orders]


def correct(stage: Stage) -> None:
    for table in (stage.tables.header_queue, stage.tables.orders):
        wrong = table.c["ORDER TYPE"] == "no such type"
        stage.execute(sa.update(table).where(wrong).values({"ORDER TYPE": make_order().headers[0]["ORDER TYPE"]}))
    stage.retry()


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


def test_a_failure_and_its_end_are_reported_once(stage: Stage, receiver: Receiver) -> None:
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        for count in (1, 0, 0):
            failed_run(stage)
            assert sensors.tick() == []
            assert receiver.titles() == [FAILED][:count]
            if count:
                assert receiver.hooks[0]["type"] == "failure"
                (run,) = instance.get_runs(limit=1)
                for text in (receiver.hooks[0]["message"], receiver.mails[0].get_content()):
                    assert "Reason: OS-321: This token cannot see board 4711. Check ORDER_SYNC_MONDAY_BOARD_ID" in text
                    assert "Nothing is lost" in text
                    assert f"http://dagster.example:3000/runs/{run.run_id}" in text
            receiver.clear()

        # Another reason is another failure.
        stage.emulator.configure(faults=[Fault(kind=FaultKind.WRONG_VERSION, probability=1)])
        with pytest.raises(Fatal):
            stage.sync()
        stage.emulator.configure(faults=[])
        assert sensors.tick() == []
        assert receiver.titles() == [FAILED]
        receiver.clear()

        stage.add(make_order())
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == [RECOVERED]
        assert "synced 1 order." in receiver.mails[0].get_content()
        assert receiver.hooks[0]["type"] == "success"
        receiver.clear()
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == []


def test_runs_of_others_are_not_reported(stage: Stage, receiver: Receiver) -> None:
    """A project that has the component runs other jobs as well, whose failures are not order_sync's."""

    @dg.op
    def break_off() -> None:
        raise ValueError

    @dg.job
    def theirs() -> None:
        break_off()

    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        assert not theirs.execute_in_process(instance=instance, raise_on_error=False).success
        assert sensors.tick() == []
        assert receiver.titles() == []
        failed_run(stage)
        assert sensors.tick() == []
        assert receiver.titles() == [FAILED]


def test_a_reason_is_reported_when_it_begins_and_ends(stage: Stage, receiver: Receiver) -> None:
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        reject(stage, 2)
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == [LABEL]
        text = receiver.mails[0].get_content()
        assert "OS-406 (Label missing on the board): 2 orders. Next: If the value is wrong, correct it" in text
        assert "Brontë" not in text
        assert receiver.hooks[0]["type"] == "warning"
        receiver.clear()

        # More of the same, a run with nothing to do, and an order that goes through: nothing has begun or ended.
        for orders in (lambda: reject(stage, 1), lambda: None, lambda: stage.add(make_order())):
            orders()
            stage.sync()
            assert sensors.tick() == []
            assert receiver.titles() == []

        correct(stage)
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == ["order_sync: no longer: OS-406 (Label missing on the board)"]
        assert receiver.hooks[0]["type"] == "success"
        receiver.clear()
        reject(stage, 1)
        stage.sync()
        assert sensors.tick() == []
        assert receiver.titles() == [LABEL]


def test_a_run_that_rejects_many_more_is_reported(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "FEW", 2)
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        for count, title in ((1, [LABEL]), (3, []), (10, ["order_sync: 10 rows rejected in one run"]), (10, [])):
            reject(stage, count)
            stage.sync()
            assert sensors.tick() == []
            assert receiver.titles() == title
            receiver.clear()


@pytest.mark.parametrize(("hours", "titles"), [(25, []), (2, [FAILED]), (0, [FAILED])])
def test_after_days_off_no_old_failure_is_reported(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, hours: int, titles: list[str]
) -> None:
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        failed_run(stage)

        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) + timedelta(hours=hours)

        monkeypatch.setattr(notifications, "datetime", Later)
        assert sensors.tick() == []
        assert receiver.titles() == titles


def test_an_old_failure_with_a_newer_run_is_past(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver), instance)
        failed_run(stage)
        stage.sync()
        monkeypatch.setattr(notifications, "RECENT", timedelta(0))
        assert sensors.tick() == []
        assert receiver.titles() == []


def test_a_dead_channel_stops_no_other_and_shows_no_secret(stage: Stage, receiver: Receiver) -> None:
    dead = f"json://127.0.0.1:{free_port()}/{SECRETS['hook']} json://{receiver.url}/elsewhere {receiver.mail}"
    with stage.instance() as instance:
        sensors = Sensors(all_channels(stage.settings, receiver, notify_urls=dead), instance)
        failed_run(stage)
        (error,) = sensors.tick()
        assert f"OS-611: Not accepted: '{FAILED}' by JSON (address 1), '{FAILED}' by JSON (address 2)" in error
        assert not [secret for secret in SECRETS.values() if secret in error]
        assert len(receiver.mails) == 1
        failed_run(stage)
        assert sensors.tick() == []  # a notified failure is not notified again
        assert len(receiver.mails) == 1


def test_no_channel_no_sensor(stage: Stage) -> None:
    assert build_notifications(stage.settings) == []


@pytest.mark.parametrize("url", [f"nowhere://{SECRETS['hook']}/x", SECRETS["hook"], "slack://short"])
def test_an_address_that_cannot_be_used_is_named_by_number(stage: Stage, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^OS-113: Address 2 of ORDER_SYNC_NOTIFY_URLS") as caught:
        build_notifications(with_settings(stage.settings, notify_urls=f"json://127.0.0.1 {url}"))
    assert SECRETS["hook"] not in str(caught.value)


def test_addresses_are_separated_by_blanks_lines_and_commas() -> None:
    mail = "mailto://u:p@h.example?to=a@b.example,c@d.example"
    assert addresses(f" {mail}, json://one\n\njson://two ") == [mail, "json://one", "json://two"]
    assert addresses("") == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("slack://xoxb-1234-1234-abcdefghij/#orders", "Slack"),
        ("mailtos://u:p@mail.site.example:465?from=a@b.example&to=c@d.example", "E-Mail"),
        ("pagerduty://key@api", "Pager Duty"),
        (
            "https://prod-01.westus.logic.azure.com:443/workflows/8d5c0b1e2f/triggers/manual/paths/invoke"
            "?api-version=2016-06-01&sp=x&sv=1.0&sig=abcDEF_x-y12",
            "Power Automate / Workflows (for MSTeams)",
        ),
    ],
)
def test_the_addresses_of_the_documentation_are_known(url: str, name: str) -> None:
    [channel] = channels_of(url)
    assert channel.name == f"{name} (address 1)"


@pytest.mark.parametrize(
    ("variable", "instead"),
    [
        ("ORDER_SYNC_SLACK_TOKEN", "slack://TOKEN/#CHANNEL"),
        ("ORDER_SYNC_TEAMS_WEBHOOK", "the URL of the workflow as it is"),
        ("ORDER_SYNC_EMAIL_HOST", "mailtos://USER:PASSWORD@HOST:PORT"),
    ],
)
def test_a_setting_of_the_first_version_names_its_successor(
    monkeypatch: pytest.MonkeyPatch, variable: str, instead: str
) -> None:
    monkeypatch.setenv(variable, SECRETS["hook"])
    with pytest.raises(ConfigurationError) as caught:
        load_settings(checked=False)
    assert f"{variable} is no longer read: put {instead}" in str(caught.value)
    assert "into ORDER_SYNC_NOTIFY_URLS" in str(caught.value)
    assert SECRETS["hook"] not in str(caught.value)


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


# ---- the real daemon ------------------------------------------------------------------------------------


@pytest.mark.on_disk
@pytest.mark.daemon
def test_the_daemon_keeps_freshness_and_reports_a_rejected_row(stage: Stage, receiver: Receiver) -> None:
    environment = {
        "ORDER_SYNC_SENSOR_SECONDS": "1",
        "ORDER_SYNC_NOTIFY_URLS": receiver.webhook,
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "1",
    }
    daemon = [sys.executable, "-m", "dagster._daemon", "run", "-m", "order_sync.definitions"]
    keys = [dg.AssetKey("order_list"), dg.AssetKey("order_list_lines")]
    # The record first: Dagster makes its tables without regard to another process that does.
    with stage.instance() as instance, in_group(daemon, stage.folder, environment, quiet=True):

        def fresh() -> bool:
            records = instance.get_freshness_state_records(keys)
            return {record.freshness_state.value for record in records.values()} == {"PASS"} and len(records) == 2

        def listening() -> bool:
            states = {state.instigator_name: state.instigator_data for state in instance.all_instigator_state()}
            return getattr(states.get("notify_recoveries_and_reasons"), "cursor", None) is not None

        until(fresh, "main tables that are fresh because nothing waits", every=0.3)
        until(listening, "the first tick of the notifying sensor", every=0.3)
        assert instance.get_runs_count() == 0
        stage.add(make_order(columns={"ORDER TYPE": "no such type"}))
        until(lambda: receiver.hooks, "the message", every=0.3)
    assert receiver.hooks[0]["title"] == LABEL
