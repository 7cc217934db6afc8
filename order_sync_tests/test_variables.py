"""Environment variables and .env: a name that is nearly a setting's stops everything, and others' are left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from order_sync.orders.errors import ConfigurationError
from order_sync.settings import PREFIX, Settings, load_settings
from order_sync.variables import load_env_file
from order_sync_tests.graph.stage import ROOT


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ORDER_SYNC_DRYRUN", "DRY_RUN"),
        ("order_sync_dryrun", "DRY_RUN"),
        ("Order_Sync_Dry_Runn", "DRY_RUN"),
        ("ORDER_SYNC_MAPING", "MAPPING"),
        ("ORDER_SYNC_MONDAY_BOARD", "MONDAY_BOARD_ID"),
        ("ORDER_SYNC_DATABSE_URL", "DATABASE_URL"),
        ("ORDER_SYNC__DRY_RUN", "DRY_RUN"),
        ("ORDER_SYNC_NOTFIY_URLS", "NOTIFY_URLS"),
        ("ORDERSYNC_DRY_RUN", "DRY_RUN"),
        ("ORDER_SNYC_DRY_RUN", "DRY_RUN"),
        ("ODER_SYNC_DRY_RUN", "DRY_RUN"),
        ("ORDER-SYNC-DRY-RUN", "DRY_RUN"),
        ("ORDERS_SYNC_MONDAY_TOKEN", "MONDAY_TOKEN"),
    ],
)
def test_a_misspelt_setting_stops_with_the_nearest(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    for checked in (True, False):
        with pytest.raises(ConfigurationError) as caught:
            load_settings(checked=checked)
        assert caught.value.message == f"Invalid setting: {name} is not a setting (did you mean {PREFIX}{meant}?)."


def test_an_unknown_setting_that_is_near_to_none_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_WOBBLE", "")
    with pytest.raises(ConfigurationError, match=r"ORDER_SYNC_WOBBLE is not a setting \(docs/configuration\.md"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((f"ORDER_SYNC_{name}", "1") for name in ("TEST_MSSQL_URL", "TEST_RECORDS", "MONDAY_SCHEMA", "SCREENSHOTS")),
        ("ORDER_SYNC_SNAPSHOTS", "1"),
        # What Kubernetes sets in every container for the services of deploy/kubernetes/values.yaml.
        ("ORDER_SYNC_SERVICE_HOST", "10.0.0.7"),
        ("ORDER_SYNC_SERVICE_PORT", "3030"),
        ("ORDER_SYNC_SERVICE_PORT_GRPC", "3030"),
        ("ORDER_SYNC_PORT", "tcp://10.0.0.7:3030"),
        ("ORDER_SYNC_PORT_3030_TCP", "tcp://10.0.0.7:3030"),
        ("ORDER_SYNC_PORT_3030_TCP_PROTO", "tcp"),
        ("ORDER_SYNC_PORT_3030_TCP_ADDR", "10.0.0.7"),
        ("ORDER_SYNC_POSTGRESQL_SERVICE_HOST", "10.0.0.8"),
        ("ORDER_SYNC_POSTGRESQL_PORT", "tcp://10.0.0.8:5432"),
        ("order_sync_dry_run", "1"),
        ("ORDER_SYSTEM_URL", "x"),
        ("ORDERS_DATABASE_URL", "x"),
        ("DRY_RUN", "1"),
        ("SYNCTHING_HOME", "x"),
    ],
)
def test_known_and_foreign_variables_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    load_settings()


def test_every_variable_that_this_project_names_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in [*ROOT.glob("deploy/**/*"), *ROOT.glob(".ci/*"), ROOT / ".env.example"]:
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            for word in line.replace("=", " ").replace(":", " ").split():
                if word.startswith(PREFIX):
                    monkeypatch.setenv(word, "" if word.upper() != "ORDER_SYNC_DEPLOYMENT" else "embedded")
    load_settings()


def test_one_setting_in_two_spellings_with_two_values_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    monkeypatch.setenv("order_sync_dry_run", "0")
    with pytest.raises(ConfigurationError, match="ORDER_SYNC_DRY_RUN is set twice, to different values"):
        load_settings()
    monkeypatch.setenv("order_sync_dry_run", "1")
    assert load_settings().dry_run


# ---- .env -----------------------------------------------------------------------------------------------


def read(folder: Path, content: bytes | str) -> Settings:
    """The settings of a folder with this .env."""
    (folder / ".env").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            patch.setenv(name, os.environ[name])  # what is read into the environment is undone
        before = dict(os.environ)
        try:
            load_env_file(folder, Settings.model_fields)
            return load_settings()
        finally:
            for name in os.environ.keys() - before.keys():
                del os.environ[name]


@pytest.mark.parametrize(
    "content",
    [
        "ORDER_SYNC_DRY_RUN=1\n",
        b"\xef\xbb\xbfORDER_SYNC_DRY_RUN=1\r\n",
        "# c\n\nexport ORDER_SYNC_DRY_RUN='yes' # so\nOTHER\nMORE=\n",
        'ORDER_SYNC_DATABASE_SCHEMA="#ördér"\norder_sync_dry_run = on',
    ],
)
def test_a_good_file_is_read(tmp_path: Path, content: bytes | str) -> None:
    assert read(tmp_path, content).dry_run


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "0")
    assert not read(tmp_path, "ORDER_SYNC_DRY_RUN=1\n").dry_run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ORDER_SYNC_DRYRUN=1\n", r"ORDER_SYNC_DRYRUN is not a setting \(did you mean ORDER_SYNC_DRY_RUN\?\)"),
        ("$env:ORDER_SYNC_DRY_RUN=1\n", r"\$env:ORDER_SYNC_DRY_RUN is not a setting \(did you mean ORDER_SYNC_DRY_RUN"),
        ("ORDER_SYNC_DRY_RUN=1\n".encode("utf-16"), r"\.env is UTF-16, .*: save it as UTF-8\."),
        ("ORDER_SYNC_DRY_RUN=1\n".encode("utf-16-le"), r"\.env is UTF-16, .*: save it as UTF-8\."),
        (b"A=1\nORDER_SYNC_DATABASE_SCHEMA=\xf6\n", r"\.env is not UTF-8 \(line 2\): save it as UTF-8\."),
        ("\n\nORDER_SYNC_DRY_RUN\n", r"\.env is invalid: line 3 has 'ORDER_SYNC_DRY_RUN' without a value\."),
        ("A=1\nORDER_SYNC_DRY_RUN: 1\n", r"\.env is invalid: line 2 cannot be parsed"),
        ('ORDER_SYNC_DRY_RUN="1\nB=2\nset ORDER_SYNC_WRITERS=1\n', r"line 1 cannot be .*; line 3 cannot be "),
    ],
)
def test_a_file_that_would_be_ignored_in_part_stops(tmp_path: Path, content: bytes | str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    load_env_file(tmp_path, Settings.model_fields)
