"""A secret in any setting, in any part of it, wrong in any way: one line, exit code 2, and nothing of it anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_sync.settings import PREFIX
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage

pytestmark = pytest.mark.on_disk

CORE = "canarySECRET7f3a9"
SERVER = "127.0.0.1:1/orders"
OPTIONS = "LoginTimeout=1&driver=ODBC+Driver+18+for+SQL+Server"
ODBC = "DRIVER%3D%7BODBC+Driver+18+for+SQL+Server%7D%3BSERVER%3D127.0.0.1%2C1%3BLoginTimeout%3D1"
PRODUCTION = {"DEPLOYMENT": "production", "MONDAY_TOKEN": "a-token", "MONDAY_BOARD_ID": "1"}
MONDAY = {"MONDAY_URL": "https://monday.invalid/v2"}


def database(url: str) -> dict[str, str]:
    return PRODUCTION | {"DATABASE_URL": url}


def proxy(variable: str, password: str) -> dict[str, str]:
    return MONDAY | {variable: f"http://user:{password}@proxy.invalid:8080"}


CASES = {
    "bare @": database(f"mssql+pyodbc://u:pass@{CORE}@{SERVER}"),
    "bare @ and :": database(f"mssql+pyodbc://u:pa:ss@{CORE}:x@{SERVER}"),
    "bare / in the user": database(f"mssql+pyodbc://u/x:{CORE}@{SERVER}"),
    "password": database(f"mssql+pyodbc://u:{CORE}@{SERVER}?{OPTIONS}"),
    "user": database(f"mssql+pyodbc://{CORE}:pass@{SERVER}?{OPTIONS}"),
    "PWD": database(f"mssql+pyodbc://{SERVER}?{OPTIONS}&UID=u&PWD={CORE}"),
    "Password in another option": database(f"mssql+pyodbc://{SERVER}?{OPTIONS};Password={CORE}"),
    "ODBC": database(f"mssql+pyodbc:///?odbc_connect={ODBC}%3BUID%3Du%3BPWD%3D%7B{CORE}%7D%7Dx%7D"),
    "another database": database(f"mysql://u:{CORE}@{SERVER}"),
    "no database": database(f"{CORE}"),
    "SQLite with options": {"DATABASE_URL": f"sqlite:///orders.db?key={CORE}"},
    "token with a line break": {"MONDAY_TOKEN": f"{CORE}\nx"},
    "token with a letter that no token has": {"MONDAY_TOKEN": f"{CORE}ö"},
    "Entra token": database(f"mssql+pyodbc://{SERVER}?{OPTIONS}") | {"DATABASE_ACCESS_TOKEN": f"{CORE} x"},
    "address with a password": {"MONDAY_URL": f"https://u:{CORE}@monday.invalid/v2"},
    "address with a query": {"DAGSTER_URL": f"https://dagster.invalid/?key={CORE}"},
    "Slack by half": {"SLACK_TOKEN": CORE},
    "Teams": {"TEAMS_WEBHOOK": CORE},
    "e-mail by half": {
        "EMAIL_PASSWORD": CORE,
        "EMAIL_TO": "a@b.invalid",
        "EMAIL_FROM": "a@b.invalid",
        "EMAIL_HOST": "h",
    },
    "proxy /": proxy("HTTPS_PROXY", f"{CORE}/x"),
    "proxy #": proxy("HTTP_PROXY", f"{CORE}#x"),
    "proxy ?": proxy("ALL_PROXY", f"x?{CORE}"),
    "proxy @": proxy("https_proxy", f"x@{CORE}"),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_it_is_shown_or_kept(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    stage.add_orders(1)
    for name, value in CASES[case].items():
        monkeypatch.setenv(name if "proxy" in name.lower() else PREFIX + name, value)
    done = order_sync("sync")
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("order-sync: ")
    assert "unforeseen" not in line
    assert "Error:" not in line
    places = {"stderr": done.stderr.encode()} | kept(stage.folder)
    wanted = [CORE.encode(), CORE.encode("utf-16-le")]
    assert [name for name, content in places.items() for form in wanted if form in content] == []


def kept(folder: Path) -> dict[str, bytes]:
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(name.endswith("orders.db") for name in files)
    return files
