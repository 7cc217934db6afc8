"""The process: its start, its end, its settings file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from order_sync.emulator import EmulatorError, EmulatorSettings, Fault, FaultKind, start_emulator
from order_sync_tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_it_ends_when_its_parent_is_killed() -> None:
    code = """if True:
        import sys
        from order_sync.emulator import start_emulator
        print(start_emulator().page_url, flush=True)
        sys.stdin.read()"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        port = httpx.URL(parent.stdout.readline().decode().strip()).port
        assert port is not None
        assert is_listening(port)
        parent.send_signal(signal.SIGKILL)
    until(lambda: not is_listening(port), "the emulator to end")


def test_stop_ends_it_and_may_be_repeated() -> None:
    emulator = start_emulator()
    port = httpx.URL(emulator.url).port
    assert port is not None
    assert is_listening(port)
    emulator.stop()
    emulator.stop()
    assert not is_listening(port)


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError) as caught:
            start_emulator(EmulatorSettings(port=port))
    assert str(caught.value).startswith(f"monday emulator: cannot listen on 127.0.0.1:{port}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "::1"])  # noqa: S104 - refused
def test_it_listens_on_loopback_only_by_default(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        EmulatorSettings(host=host)
    if ":" not in host:
        assert EmulatorSettings(host=host, allow_remote=True).is_remote


def test_a_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "emulator.toml"
    path.write_text(
        """
latency_ms = 3
token = "secret"
[limits]
minute_calls = 7
[costs.operations]
create_group = 5
[[boards]]
id = 5
name = "Planning"
columns = [{ id = "uuid", title = "UUID" }, { id = "st", title = "S", type = "status", labels = ["A"] }]
subitem_board_id = 6
[[faults]]
kind = "reset_after"
operation = "create_item"
nth = 2
""",
        encoding="utf-8",
    )
    settings = EmulatorSettings.from_toml(path)
    assert settings.faults == (Fault(kind=FaultKind.RESET_AFTER, operation="create_item", nth=2),)
    assert (settings.limits.minute_calls, settings.limits.concurrency) == (7, 250)
    assert settings.costs.of("create_group", mutation=True) == 5
    assert "secret" not in repr(settings)
    arguments = [sys.executable, "-m", "order_sync.emulator", "--config", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        words = process.stdout.readline().decode().split()
        try:
            url = next(word for word in words if word.endswith("/v2"))
            query = {"query": "{ boards { id } }"}
            wrong = httpx.post(url, json=query, headers={"Authorization": "other"}, trust_env=False)
            right = httpx.post(url, json=query, headers={"Authorization": "secret"}, trust_env=False)
        finally:
            process.terminate()
    assert wrong.status_code == 401
    assert right.json()["data"] == {"boards": [{"id": "5"}, {"id": "6"}]}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_quietly() -> None:
    arguments = [sys.executable, "-m", "order_sync.emulator"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[3]
        assert httpx.get(url, trust_env=False).status_code == 405
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, b"")


def test_a_wrong_settings_file_is_said_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "emulator.toml"
    path.write_text("hots = 'typo'", encoding="utf-8")
    arguments = [sys.executable, "-m", "order_sync.emulator", "--config", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == "monday emulator: hots Extra inputs are not permitted\n"
