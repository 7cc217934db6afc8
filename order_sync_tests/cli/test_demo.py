"""`order-sync demo` and `order-sync emulator`, as processes in an empty folder."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from order_sync.demo import scene
from order_sync.emulator import EmulatorSettings, start_emulator
from order_sync.settings import load_settings
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import ROOT, Stage, free_port
from order_sync_tests.waiting import DUE

pytestmark = pytest.mark.on_disk


@pytest.fixture
def folder(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage with nothing in its folder but dagster.yaml, and nothing at its address."""
    port = free_port()
    monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", f"http://127.0.0.1:{port}/v2")
    monkeypatch.setenv("ORDER_SYNC_HOME", str(stage.folder / "new"))
    monkeypatch.delenv("DAGSTER_HOME")
    settings = stage.settings.model_copy(
        update={"home": stage.folder / "new", "monday_url": f"http://127.0.0.1:{port}/v2"}
    )
    return replace(stage, settings=settings)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which something else answers."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_second_demo_names_rejected_rows_and_syncs_nothing(folder: Stage, order_sync: OrderSync) -> None:
    first = folder.run("demo")
    assert first.returncode == 0, first.stderr
    assert (
        "added the 'small' sample orders: 65 orders in 71 header rows and 318 line rows, 4 rows invalid" in first.stdout
    )
    assert "Claimed 65 orders in 71 header rows and 318 line rows." in first.stdout
    assert "23 rows wait because another row of their order is rejected" in first.stdout
    assert "4 rows rejected" in first.stdout
    assert "Tables and board agree: 62 items and " in first.stdout
    assert "0 lost, 0 duplicated" in first.stdout
    counts = first.stdout.split("agree: ")[1].splitlines()[0]
    rows = folder.site_rows()

    second = folder.run("demo")
    assert second.returncode == 0, second.stderr
    assert ": kept." in second.stdout
    assert "4 orders held by a rejected row (" in second.stdout
    assert f"Tables and board agree: {counts}" in second.stdout
    assert folder.site_rows() == rows

    later = order_sync("demo", "--arrive", "3", "--change", "10", "--cancel", "5")
    assert (later.exit_code, later.stdout.split(".")[0]) == (
        0,
        "Queued 3 new orders, 10 changed orders, 5 cancelled orders in ORDER_LIST_DELTA",
    )
    third = folder.run("demo")
    assert third.returncode == 0, third.stderr
    assert "18 orders SYNCED, 0 held back." in third.stdout
    assert "Tables and board agree: 60 items and " in third.stdout


def test_the_demo_uses_the_emulator_that_runs(stage: Stage) -> None:
    done = stage.run("demo")
    assert done.returncode == 0, done.stderr
    assert f"monday emulator at {stage.emulator.page_url}" in done.stdout
    assert stage.emulator.stats()["items"] == 62
    assert stage.agreement().agree


def test_another_folders_emulator_is_not_used(
    folder: Stage, order_sync: OrderSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs" / "board.jsonl"
    theirs.parent.mkdir()
    with start_emulator(EmulatorSettings(port=0, state_file=theirs, boards=())) as other:
        monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", other.url)
        done = order_sync("demo")
        assert done.exit_code == 2
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("order-sync: OS-631: The monday emulator on port ")
        assert f"belongs to another folder: it keeps its board in {theirs}, and" in line
        assert other.stats()["calls"] == 0
        # The same folder's own is used, whichever command serves it.
        with scene.emulator(load_settings(checked=False), state_file=theirs) as page_url:
            assert page_url == other.page_url


def test_the_demo_begins_in_an_empty_folder(folder: Stage) -> None:
    (folder.folder / "dagster.yaml").unlink()
    done = folder.run("demo")
    assert done.returncode == 0, done.stderr
    assert "Wrote dagster.yaml into this folder" in done.stdout
    assert (folder.folder / "dagster.yaml").read_bytes() == (ROOT / "dagster.yaml").read_bytes()
    assert list((folder.folder / ".order_sync" / "dagster").iterdir())


def test_no_demo_in_production(folder: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "ORDER_SYNC_DEPLOYMENT": "production",
        "ORDER_SYNC_DATABASE_URL": "sqlite:///never.db",
        "ORDER_SYNC_MONDAY_TOKEN": "never",
        "ORDER_SYNC_MONDAY_BOARD_ID": "7",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = order_sync("demo")
    assert done.exit_code == 2
    assert "The demo needs the embedded deployment" in done.stderr
    assert not (folder.folder / "never.db").exists()


def test_sample_orders_arrive_in_a_rehearsal_of_production(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", stage.settings.database)
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", "any")
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", str(stage.settings.board_id))
    assert order_sync("demo", "--arrive", "2").exit_code == 0
    assert len(stage.rows(stage.tables.header_queue)) == 2
    monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", "https://api.monday.com/v2")
    refused = order_sync("demo", "--arrive", "2")
    assert refused.exit_code == 2
    assert "The demo needs the embedded deployment" in refused.stderr
    assert len(stage.rows(stage.tables.header_queue)) == 2


def test_a_demo_reports_a_taken_port_in_one_line(
    folder: Stage, order_sync: OrderSync, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", f"http://127.0.0.1:{taken_port}/v2")
    done = order_sync("demo")
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(
        f"order-sync: OS-631: Port {taken_port} is in use by another program than the monday emulator"
    )
    assert "Set ORDER_SYNC_MONDAY_URL" in line


def test_an_emulator_reports_a_taken_port_in_one_line(folder: Stage, taken_port: int) -> None:
    done = folder.run("emulator", "--port", str(taken_port))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert f"cannot listen on 127.0.0.1:{taken_port}" in line
    assert "Stop what uses this port, such as another emulator or demo, or choose another port" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency_ms = -1\n", "Invalid emulator settings: latency_ms must be at least 0"),
        ("latency_ms =\n", "is not valid TOML"),
        (
            '[[boards]]\nid = 7\nnam = "A"\n[limits]\nconcurency = 2\n',
            "[[boards]] id 7: unknown key 'nam' (did you mean 'name'?); [limits]: unknown key 'concurency' "
            "(did you mean 'concurrency'?)",
        ),
        ("\0".encode("utf-16"), "is not valid TOML"),
    ],
)
def test_an_emulator_with_a_wrong_file_says_where(
    folder: Stage, order_sync: OrderSync, text: str | bytes, message: str
) -> None:
    path = folder.folder / "emulator.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = order_sync("emulator", "--config", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.strip().splitlines()
    assert message in line


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("memory", [True, False])
def test_an_emulator_serves_until_ctrl_c(folder: Stage, memory: bool) -> None:
    with folder.started("emulator", "--mutation", "1", *(["--memory"] if memory else [])) as process:
        assert process.stdout is not None
        url = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        assert url.startswith(folder.settings.api_url.removesuffix("/v2"))
        query = {"query": 'mutation { create_group(board_id: 4700000001, group_name: "A") { id } }'}
        answer = httpx.post(folder.settings.api_url, json=query, headers={"Authorization": "any"}, trust_env=False)
        assert answer.json()["data"]["create_group"]["id"]
        page = httpx.get(url.removesuffix("v2"), trust_env=False, follow_redirects=True)
        assert "Production planning" in page.text
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DUE)
    assert (process.returncode, errors) == (0, "")
    state = folder.settings.home / "board.jsonl"
    assert state.exists() is not memory
    if not memory:
        assert '"group_created"' in state.read_text(encoding="utf-8")


def test_a_port_where_nobody_answers_properly(
    folder: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server that takes connections and speaks no HTTP."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        threading.Thread(target=hang_up, args=(mute,), daemon=True).start()
        monkeypatch.setenv("ORDER_SYNC_MONDAY_URL", f"http://127.0.0.1:{mute.getsockname()[1]}/v2")
        done = order_sync("demo")
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert "is in use by another program than the monday emulator" in line


def hang_up(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.close()


def test_a_second_demo_at_once_says_that_one_runs(folder: Stage, order_sync: OrderSync) -> None:
    folder.settings.home.mkdir()
    with FileLock(folder.settings.home / "demo.lock"):
        done = order_sync("demo")
        assert done.exit_code == 2
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith(f"order-sync: OS-631: Another demo is running in {folder.settings.home}.")
        assert not folder.database_file.exists()


def test_of_two_demos_at_once_one_does_it_all(folder: Stage) -> None:
    with folder.started("demo") as first, folder.started("demo") as second:
        ends = [(process, *process.communicate(timeout=3 * DUE)) for process in (first, second)]
    done = [out for process, out, _ in ends if process.returncode == 0]
    refused = [errors for process, _, errors in ends if process.returncode == 2]
    assert len(done) + len(refused) == 2, ends
    assert all("Tables and board agree: 62 items" in out for out in done)
    assert done
    assert all(
        len(errors.strip().splitlines()) == 1 and "Another demo is running in" in errors for errors in refused
    ), refused
