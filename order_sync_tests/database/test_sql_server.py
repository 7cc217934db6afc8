"""Connecting to SQL Server, as far as it goes without one: the real driver, and nobody at the other end."""

from __future__ import annotations

import importlib.util
import logging
import re
import socket
import struct
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.exc import DBAPIError, OperationalError

import order_sync
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.sql_server import (
    TRANSIENT,
    complete_url,
    find_driver,
    is_transient,
    reason,
    token_attributes,
    token_source,
)
from order_sync.orders.errors import ConfigurationError
from order_sync_tests.database.driver import URL, Driver

SECRET = "p;{w}@rd=1"  # what an unescaped connection string breaks on


def _can_load_pyodbc() -> bool:
    if importlib.util.find_spec("mssql_python_odbc") is None:
        return False
    try:
        import pyodbc  # noqa: F401
    except ImportError:
        return False
    return True


needs_driver = pytest.mark.skipif(not _can_load_pyodbc(), reason="pyodbc needs unixODBC (libodbc2) on this machine")


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that is taken and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def url_of(port: int, **query: str) -> sa.URL:
    return sa.URL.create(
        "mssql+pyodbc", username="sync", password=SECRET, host="127.0.0.1", port=port, database="orders", query=query
    )


def connection_string(url: sa.URL) -> str:
    dialect = MSDialect_pyodbc()  # type: ignore[no-untyped-call]
    (arguments, _) = dialect.create_connect_args(url)
    return str(arguments[0])


@needs_driver
def test_a_driver_is_found_and_loads() -> None:
    import pyodbc

    driver = find_driver()
    with pytest.raises(pyodbc.Error) as caught:
        pyodbc.connect(f"DRIVER={{{driver}}};SERVER=127.0.0.1,1;UID=a;PWD=b", timeout=1)
    # Had the driver not loaded, unixODBC would say "Can't open lib".
    assert "ODBC Driver 18 for SQL Server" in str(caught.value)


@needs_driver
def test_the_connection_is_encrypted_unless_the_url_says_otherwise() -> None:
    text = connection_string(complete_url(url_of(1433)))
    assert "Encrypt=yes" in text
    assert "TrustServerCertificate=no" in text
    opted_out = connection_string(complete_url(url_of(1433, trustservercertificate="yes", encrypt="no")))
    assert "encrypt=no" in opted_out
    assert "Encrypt=yes" not in opted_out
    assert "TrustServerCertificate=no" not in opted_out


@needs_driver
def test_a_password_is_escaped() -> None:
    assert "PWD={p;{w}}@rd=1}" in connection_string(complete_url(url_of(1433)))


@needs_driver
def test_an_unreachable_server_is_one_line_within_15_seconds(
    silent_server: int, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(url_of(silent_server))
    started = time.monotonic()
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError) as caught:
        database.check_reachable()
    assert time.monotonic() - started < 15
    message = str(caught.value)
    assert f"127.0.0.1:{silent_server}/orders cannot be reached" in message
    assert "\n" not in message
    for shown in (message, repr(caught.value), repr(database), repr(database.engine), database.shown, caplog.text):
        assert SECRET not in shown
        assert "p;" not in shown
    database.dispose()


def test_without_any_driver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_sync.database.sql_server._packaged_driver", lambda: None)
    try:
        import pyodbc
    except ImportError:
        expected = "libodbc2"
    else:
        monkeypatch.setattr(pyodbc, "drivers", lambda: ["SQLite3"])
        expected = r"pip install 'order-sync\[sqlserver\]'"
    with pytest.raises(ConfigurationError, match=expected):
        find_driver()


def test_an_access_token_precedes_the_password_and_is_packed() -> None:
    url = sa.make_url("mssql+pyodbc://server/orders?Authentication=ActiveDirectoryDefault&Encrypt=yes")
    plain, token = token_source(url, "abc")
    assert token is not None
    assert token() == "abc"
    assert "Authentication" not in plain.query
    assert plain.query["Encrypt"] == "yes"
    (packed,) = token_attributes("abc").values()
    assert struct.unpack("<I6s", packed) == (6, "abc".encode("utf-16-le"))


def test_a_url_without_entra_keeps_its_login() -> None:
    url = url_of(1433)
    assert token_source(url, None) == (url, None)


@pytest.mark.skipif(importlib.util.find_spec("azure") is not None, reason="azure-identity is installed")
def test_entra_without_azure_identity_says_what_to_install() -> None:
    url = sa.make_url("mssql+pyodbc://server/orders?authentication=ActiveDirectoryDefault")
    with pytest.raises(ConfigurationError, match=r"order-sync\[entra\]"):
        token_source(url, None)


def database_error(text: str, *, invalidated: bool = False) -> DBAPIError:
    return OperationalError("UPDATE t", {}, Exception("40001", text), connection_invalidated=invalidated)


@pytest.mark.parametrize("number", sorted(TRANSIENT))
def test_errors_that_pass_are_tried_again(number: int) -> None:
    assert is_transient(
        database_error(f"[42000] [Microsoft][ODBC Driver 18 for SQL Server]Some text ({number}) (SQLExecDirectW)")
    )


def test_what_is_said_during_a_fail_over_is_tried_again() -> None:
    assert {983, 921, 6005, 17142, 10061, 40613, 976, 978, 922, 952, 18401, 42108, 42109, 26, 258} <= TRANSIENT
    for text in (
        "[HYT00] [Microsoft][ODBC Driver 18 for SQL Server]Login timeout expired (0) (SQLDriverConnect)",
        "[HYT01] [Microsoft][ODBC Driver 18 for SQL Server]Connection timeout expired (0) (SQLExecDirectW)",
        "[08S01] [Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x68 (104) (SQLExecDirectW)",
        "[08001] [Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x6F (111) (SQLDriverConnect)",
        "[08003] [Microsoft][ODBC Driver 18 for SQL Server]Connection does not exist (0) (SQLExecDirectW)",
        "[HY000] [Microsoft][ODBC Driver 18 for SQL Server]Unspecified error (0) (SQLExecDirectW); "
        "[42000] [Microsoft][ODBC Driver 18 for SQL Server]SHUTDOWN is in progress. (6005)",
    ):
        assert is_transient(database_error(text)), text
    refused = "[08001] [Microsoft][SQL Server]SSL Provider: certificate verify failed (-1) (SQLDriverConnect)"
    assert not is_transient(database_error(refused))


def test_the_server_clock_is_read_again_during_a_failover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_sync.database.connection.sleep", lambda seconds: None)
    driver = Driver()
    with driver.in_place():
        database = Database(URL)
        assert database.current_time() == datetime(2026, 11, 23, 8, 0)
        driver.failures += [
            "[42000] [Microsoft][SQL Server]Database 'orders' is not currently available. (40613) (SQLExecDirectW)",
            "[08S01] [Microsoft][SQL Server]Communication link failure (0) (SQLExecDirectW)",
        ]
        assert database.current_time() == datetime(2026, 11, 23, 8, 0)
        assert driver.failures == []
        database.dispose()


def test_only_one_place_opens_connections() -> None:
    """There a read is tried again. Housekeeping is tried once only, and the demo has a database of its own."""
    package = Path(order_sync.__file__).parent
    opened = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"database\.(read|write|engine)\b", path.read_text(encoding="utf-8"))
    }
    assert opened == {"database/housekeeping.py", "demo/samples.py"}


def test_errors_that_stay_are_not_tried_again() -> None:
    for number in (208, 207, 547, 2627, 18456):
        text = f"[42S02] [Microsoft][ODBC Driver 18 for SQL Server]Invalid object name 'x'. ({number}) (SQLExecDirectW)"
        assert not is_transient(database_error(text))
    text = "[22001] [Microsoft][ODBC Driver 18 for SQL Server]Data would be cut in varchar(64). (2628) (SQLExecDirectW)"
    assert not is_transient(database_error(text))
    assert not is_transient(ValueError("(1205)"))
    assert is_transient(database_error("anything", invalidated=True))


def test_the_reason_omits_the_brackets_of_the_driver() -> None:
    text = "[HYT00] [Microsoft][ODBC Driver 18 for SQL Server]Login timeout expired (0) (SQLDriverConnect)"
    assert reason(database_error(text)) == "Login timeout expired"
    assert reason(ValueError("first\nsecond")) == "first"


def test_a_transaction_is_tried_again_as_a_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = WritableDatabase(f"sqlite:///{tmp_path_factory.mktemp('retry') / 'retry.db'}")
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE t (n INTEGER)"))
    attempts = []

    def work(connection: sa.Connection) -> int:
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))
        attempts.append(1)
        if len(attempts) < 3:
            raise database_error("deadlock (1205) (SQLExecDirectW)")
        return len(attempts)

    assert database.transaction(work) == 3
    assert database.rows(sa.text("SELECT COUNT(*) AS n FROM t")) == [{"n": 1}]

    def fails(connection: sa.Connection) -> None:
        connection.execute(sa.text("INSERT INTO t VALUES (2)"))
        raise ValueError("not the database's fault")

    with pytest.raises(ValueError, match="fault"):
        database.transaction(fails)
    assert database.rows(sa.text("SELECT COUNT(*) AS n FROM t")) == [{"n": 1}]
    database.dispose()
