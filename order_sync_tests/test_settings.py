"""The settings: what is missing or wrong is named, and no secret is ever shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from order_sync.orders.errors import ConfigurationError
from order_sync.settings import EMBEDDED_BOARD, PREFIX, Settings, load_settings
from order_sync_tests.graph.stage import ROOT

SECRET = "hunter2-and-more"
URL = f"mssql+pyodbc://sync:{SECRET}@db.example/orders"
PRODUCTION = {
    "deployment": "production",
    "database_url": URL,
    "monday_token": f"eyJ.{SECRET}",
    "monday_board_id": "123",
}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def set_environment(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)


def test_the_embedded_deployment_needs_nothing() -> None:
    settings = load_settings()
    assert settings.database == "sqlite:///.order_sync/orders.db"
    assert (settings.schema_name, settings.board_id, settings.token) == (None, EMBEDDED_BOARD, "embedded")
    assert settings.api_url == "http://127.0.0.1:8765/v2"
    assert settings.table_names.header_queue == "ORDER_LIST_DELTA"
    assert settings.mapping.exists()


def test_production_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, **PRODUCTION, orders_table="Orders [2026]", lease_seconds="90")
    settings = load_settings()
    assert (settings.database, settings.token, settings.board_id) == (URL, PRODUCTION["monday_token"], 123)
    assert (settings.schema_name, settings.api_url) == ("dbo", "https://api.monday.com/v2")
    assert (settings.table_names.orders, settings.lease_seconds) == ("Orders [2026]", 90)


def test_overrides_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, lease_seconds="90", dry_run="1")
    settings = load_settings(lease_seconds=5)
    assert (settings.lease_seconds, settings.dry_run) == (5, True)


@pytest.mark.parametrize("missing", ["database_url", "monday_token", "monday_board_id"])
def test_a_missing_setting_of_production_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    set_environment(monkeypatch, **{name: value for name, value in PRODUCTION.items() if name != missing})
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    names = [name for name in ("DATABASE_URL", "MONDAY_TOKEN", "MONDAY_BOARD_ID") if PREFIX + name in str(caught.value)]
    assert names == [missing.upper()]
    assert SECRET not in str(caught.value)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"production deployment needs these settings: .*URL.*TOKEN.*BOARD_ID"):
        load_settings(deployment="production")


def test_a_dry_run_of_production_needs_the_database_only() -> None:
    settings = load_settings(deployment="production", dry_run=True, database_url=URL)
    assert (settings.token, settings.board_id) == ("", 0)
    with pytest.raises(ConfigurationError, match=r"settings: ORDER_SYNC_DATABASE_URL \(mssql\+pyodbc://\.\.\.\)\.$"):
        load_settings(deployment="production", dry_run=True)


def test_production_has_no_default_database() -> None:
    with pytest.raises(ConfigurationError, match="Set ORDER_SYNC_DATABASE_URL"):
        _ = Settings(deployment="production").database


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("deployment", f"prod-{SECRET}"),
        ("monday_board_id", SECRET),
        ("monday_board_id", "-1"),
        ("dry_run", SECRET),
        ("lease_seconds", "0"),
        ("lease_seconds", SECRET),
        ("settle_seconds", "-1"),
        ("first_batch", "0"),
        ("largest_batch", "151"),
        ("batch_seconds", "46"),
        ("sensor_seconds", "1.5"),
        ("lease_seconds", "inf"),
        ("lease_seconds", "1e300"),
        ("writers", "yess"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    set_environment(monkeypatch, **{name: value})
    with pytest.raises(
        ConfigurationError, match=f"^OS-101: Invalid setting: {PREFIX}{name.upper()} must be "
    ) as caught:
        load_settings()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_every_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, first_batch="x", lease_seconds="x")
    with pytest.raises(ConfigurationError, match=f"{PREFIX}LEASE_SECONDS .*; {PREFIX}FIRST_BATCH "):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("dry_run", "yess", r"must be 1 or 0 \(true or false, yes or no, on or off\)"),
        ("dry_run", "2", "must be 1 or 0"),
        ("deployment", "prod", "must be 'embedded' or 'production'"),
        ("monday_board_id", "4.5", "must be a whole number"),
        ("monday_board_id", "0", "must be more than 0"),
        ("writers", "21", "must be at most 20"),
        ("settle_seconds", "a minute", "must be a number"),
        ("monday_url", "api.monday.com", r"must look like https://api\.monday\.com/v2"),
        ("monday_url", "http://host:port/v2", "must look like https"),
        ("monday_version", "2026-13", "must look like 2026-10"),
        ("monday_version", "2026-1", "must look like 2026-10"),
        ("monday_version", "2026-10\n", "must look like 2026-10"),
        ("monday_version", "latest", "must look like 2026-10"),
    ],
)
def test_a_wrong_value_says_what_the_setting_takes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, takes: str
) -> None:
    set_environment(monkeypatch, **{name: value})
    with pytest.raises(ConfigurationError, match=f"^OS-101: Invalid setting: {PREFIX}{name.upper()} {takes}") as caught:
        load_settings()
    assert "Input" not in str(caught.value)


def test_all_that_is_wrong_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, wrong and missing; what is misspelt or wrong is not reported as missing, too."""
    set_environment(monkeypatch, deployment="production", monday_tokn="x", wobble="x", lease_seconds="x")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert caught.value.message == (
        "Invalid settings: ORDER_SYNC_MONDAY_TOKN is not a setting (did you mean ORDER_SYNC_MONDAY_TOKEN?); "
        "ORDER_SYNC_WOBBLE is not a setting (docs/configuration.md lists them); "
        "ORDER_SYNC_LEASE_SECONDS must be a number. The production deployment needs these settings: "
        "ORDER_SYNC_DATABASE_URL (mssql+pyodbc://...), ORDER_SYNC_MONDAY_BOARD_ID."
    )


def test_the_untouched_example_file_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dotenv_values(ROOT / ".env.example").items():
        monkeypatch.setenv(name, value or "")
    with pytest.raises(
        ConfigurationError, match="DATABASE_URL still contains PASSWORD and SERVER and DATABASE"
    ) as caught:
        load_settings()
    assert "needs these settings: ORDER_SYNC_MONDAY_TOKEN, ORDER_SYNC_MONDAY_BOARD_ID." in str(caught.value)


@pytest.mark.parametrize("url", ["order_sync:hunter2@SERVER/orders", "a:PASSWORD@db/orders", "a:hunter2@db/DATABASE"])
def test_a_placeholder_is_refused_before_it_is_looked_for(url: str) -> None:
    for checked in (True, False):
        with pytest.raises(ConfigurationError, match=r"ORDER_SYNC_DATABASE_URL still contains [A-Z]+ from"):
            load_settings(checked=checked, deployment="production", database_url=f"mssql+pyodbc://{url}")
    lower = "mssql+pyodbc://password:x@server/database"
    assert load_settings(deployment="production", dry_run=True, database_url=lower).database == lower


def test_secrets_are_in_no_form_of_the_settings() -> None:
    settings = Settings.model_validate({**PRODUCTION, "database_access_token": SECRET})
    forms = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json(), str(dict(settings))]
    forms += [json.dumps(settings.model_dump(mode="json")), f"{settings.database_url} {settings.monday_token}"]
    assert [form for form in forms if SECRET in form] == []


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().home = tmp_path
