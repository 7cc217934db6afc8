"""`order-sync doctor`: a line for each check, whatever the others find."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import sqlalchemy as sa
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from order_sync.cli.doctor.checks import Check, Found, Level, examine
from order_sync.settings import load_settings
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage, free_port

CHECKS = {"settings", "mapping", "driver", "database", "tables", "clock", "monday", "token", "boards"}
CHECKS |= {"Dagster", "daemon", "automation"}


def checked(order_sync: OrderSync, code: int) -> dict[str, list[tuple[str, str]]]:
    """Level and text of each line, by check."""
    done = order_sync("doctor", "--json")
    assert done.exit_code == code, done.output
    found: dict[str, list[tuple[str, str]]] = {}
    for line in json.loads(done.stdout):
        found.setdefault(line["check"], []).append((line["level"], line["text"]))
    assert found.keys() == CHECKS
    return found


def levels(found: dict[str, list[tuple[str, str]]], level: str) -> set[str]:
    return {check for check, lines in found.items() if any(line[0] == level for line in lines)}


@pytest.mark.on_disk
def test_all_is_well(stage: Stage, order_sync: OrderSync) -> None:
    before = (stage.dump(), stage.emulator.checksum())
    found = checked(order_sync, 0)
    assert levels(found, "wrong") | levels(found, "skipped") == set()
    assert levels(found, "warning") == {"daemon"}  # none is running
    assert (stage.dump(), stage.emulator.checksum()) == before
    assert found["Dagster"][0][1].startswith(f"DAGSTER_HOME is {stage.folder};")
    assert "Ready to sync, 1 warning." in order_sync("doctor").stdout


def test_everything_wrong_is_found_in_one_go(
    stage: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text("[items]\nkey = 1\n", encoding="utf-8")
    for name, value in {
        "WRITERS": "many",
        "MAPPING": str(mapping),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'nowhere.db'}",
        "MONDAY_URL": f"http://127.0.0.1:{free_port()}/v2",
    }.items():
        monkeypatch.setenv(f"ORDER_SYNC_{name}", value)
    monkeypatch.setenv("DAGSTER_HOME", "not/absolute")
    found = checked(order_sync, 1)
    assert levels(found, "wrong") == {"settings", "mapping", "database", "monday", "Dagster"}
    assert levels(found, "skipped") == {"tables", "clock", "token", "boards", "daemon", "automation"}
    assert "ORDER_SYNC_WRITERS must be a whole number" in found["settings"][0][1]


@pytest.mark.on_disk
def test_missing_tables_and_a_closed_board(stage: Stage, order_sync: OrderSync) -> None:
    stage.execute(sa.text("DROP TABLE ORDER_LIST_LINES"))
    stage.emulator.configure(closed_boards=[stage.settings.board_id])
    found = checked(order_sync, 1)
    assert levels(found, "wrong") == {"tables", "boards"}
    assert "ORDER_LIST_LINES: the table does not exist" in found["tables"][0][1]
    assert "order-sync db check" in found["tables"][0][1]
    name = f"board {stage.settings.board_id} ('Production planning')"
    assert f"the token's user may only view {name}: let its owner grant" in found["boards"][0][1]
    assert order_sync("board", "check").exit_code == 1


@pytest.mark.on_disk
def test_a_viewer_s_token_and_a_version_that_ends(stage: Stage, order_sync: OrderSync) -> None:
    stage.emulator.configure(user_kind="view_only", api_kinds={"2026-10": "deprecated"})
    found = checked(order_sync, 1)
    assert levels(found, "wrong") == {"token"}
    assert "is deprecated" in found["monday"][0][1]


@pytest.mark.on_disk
def test_the_daemon_and_the_sensors(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage.instance() as instance:
        kinds = sorted(instance.get_required_daemon_types())
        for kind in kinds:
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 600, kind, "one", []))
        assert "not running" in checked(order_sync, 0)["daemon"][0][1]  # it was stopped ten minutes ago
        for kind in kinds:
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), kind, "one", []))
        assert checked(order_sync, 0)["daemon"] == [("ok", "running")]
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 3_600, kinds[0], "one", []))
        assert kinds[0] in checked(order_sync, 1)["daemon"][0][1]
        error = SerializableErrorInfo(message="The disk is full\n", stack=[], cls_name="OSError")
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), kinds[0], "one", [error]))
        assert "The disk is full" in checked(order_sync, 1)["daemon"][0][1]
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", stage.settings.database)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", "any-token")
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", str(stage.settings.board_id))
    assert checked(order_sync, 1)["automation"][0][1].startswith("off: new_orders, reconcile, stuck_rows.")


@contextmanager
def an_hour_ago(url: str) -> Iterator[str]:
    """The address of a server that answers as monday, with a Date of an hour ago."""

    class Late(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in ("Authorization", "API-Version", "Content-Type")}
            answer = httpx.post(url, content=sent, headers=headers, trust_env=False)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "API-Version"):
                self.send_header(name, answer.headers.get(name, ""))
            self.end_headers()
            self.wfile.write(answer.content)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(int(time.time() - 3_600))

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v2"
        server.shutdown()
        thread.join()


def test_a_clock_that_is_wrong(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    with an_hour_ago(stage.emulator.url) as url:
        monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", url)
        found = checked(order_sync, 0)
    late = found["monday"][1]
    assert late[0] == "warning"
    assert late[1].startswith("monday's clock is 3,60")
    assert "behind this machine's" in late[1]


def test_a_check_that_breaks_stops_no_other(stage: Stage) -> None:
    def broken(_settings: object) -> Found:
        yield Level.OK, "so far"
        raise ZeroDivisionError("of its own")

    def fine(_settings: object) -> Found:
        yield Level.OK, "fine"

    checks = [Check(name="a", look=broken), Check(name="b", look=fine), Check(name="c", look=fine, needs=("a",))]
    found = [(result.check, str(result.level), result.text) for result in examine(load_settings(), checks)]
    assert found == [
        ("a", "ok", "so far"),
        ("a", "wrong", "ZeroDivisionError: of its own"),
        ("b", "ok", "fine"),
        ("c", "skipped", "not checked: see a above"),
    ]
