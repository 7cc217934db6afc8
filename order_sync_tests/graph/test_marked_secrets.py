"""A marked secret in every setting, part of a URL and proxy variable, and every failure: it is found nowhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from dagster._serdes import serialize_value
from pydantic import SecretStr

from order_sync.automation.channels import Message, Severity, channels_of
from order_sync.automation.notifications import NotSent, _send
from order_sync.cli import commands as cli
from order_sync.monday.client import MondayReader
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import ConfigurationError, OrderSyncError
from order_sync.settings import Settings, load_settings
from order_sync.text import known_secrets
from order_sync.text.known_secrets import mask, mask_logs, masked_errors
from order_sync_tests.graph.stage import Stage

CORE = "markedSECRETx9"
PROXIES = [f(name) for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") for f in (str.upper, str.lower)]
SECRET_FIELDS = [name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None]
DATABASES = [
    f"mssql+pyodbc://u:PA@{CORE}@host/db",
    f"mssql+pyodbc://u:PA@x/{CORE}@host/db",
    f"mssql+pyodbc://u:PA@x?{CORE}@host/db",
    f"mssql+pyodbc://u:PA@x#{CORE}@host/db",
    f"mssql+pyodbc://u:PA@{CORE}:x@host/db",
    f"mssql+pyodbc//u:{CORE}@host/db",
    f"mssql+pyodbc://u:p@host:{CORE}/db",
    f"postgresql://u:{CORE}@host/db",
    f"sqlite:///file?token={CORE}",
]
SERVED = "mssql+pyodbc://{login}127.0.0.1:1/orders?driver=ODBC+Driver+18+for+SQL+Server&LoginTimeout=1{more}"
LOGINS = [
    SERVED.format(login=f"u:{CORE}@", more=""),
    SERVED.format(login="u:p%40" + CORE + "%2Fx@", more=""),
    SERVED.format(login="", more=f"&UID=u&PWD={CORE}"),
    SERVED.format(login="", more=f"&uid=u&password={CORE}"),
    "mssql+pyodbc:///?odbc_connect=" + quote(f"DRIVER=x;SERVER=127.0.0.1,1;UID=u;PWD={{a;}}}}{CORE}}}"),
]
BAD_PROXIES = [f"http://u:PA{sign}{CORE}@127.0.0.1:1" for sign in "/#?"]
BAD_PROXIES += [f"http://u:{CORE}@", f"ftp://u:{CORE}@127.0.0.1:1", f"u:pa/{CORE}@127.0.0.1:1"]
REFUSING = [f"http://u:{CORE}@127.0.0.1:1", f"http://{CORE}@127.0.0.1:1"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*PROXIES, "NO_PROXY", "no_proxy"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def production(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets one setting of a production deployment whose monday is elsewhere."""

    def put(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)

    put("ORDER_SYNC_MONDAY_URL", "http://monday.invalid/v2")
    put("ORDER_SYNC_MONDAY_TOKEN", "a-token-of-nobody")
    return put


def typed(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    return int(str(end.value.code))


def assert_found_nowhere(stage: Stage, *texts: str) -> None:
    files = [path for path in stage.folder.rglob("*") if path.is_file()]
    assert files
    for where, text in [*((str(path), path.read_bytes()) for path in files), *(("text", t.encode()) for t in texts)]:
        assert CORE.encode() not in text, where
        assert b"Traceback" not in text or where != "text", text


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_url_that_is_misread_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    for arguments, value in ((("status",), url), (("db", "check", "--url", url), "")):
        monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", value)
        assert typed(*arguments) == 2
        out, err = capsys.readouterr()
        assert "ORDER_SYNC_DATABASE_URL" in err
        assert_found_nowhere(stage, out, err)


def test_a_run_keeps_no_password_of_its_database(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The driver repeats what it was asked to connect with."""
    import pyodbc

    def refuse(*args: object, **more: object) -> None:
        raise pyodbc.OperationalError("28000", f"[28000] [driver] no login with {args} {more} (18456)")

    monkeypatch.setattr(pyodbc, "connect", refuse)
    monkeypatch.setenv("ORDER_SYNC_DEPLOYMENT", "production")
    monkeypatch.setenv("ORDER_SYNC_MONDAY_TOKEN", "a-token-of-nobody")
    monkeypatch.setenv("ORDER_SYNC_MONDAY_BOARD_ID", "1")
    for url in LOGINS:
        monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", url)
        assert typed("status") == 2
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", LOGINS[2])
    assert typed("sync") == 2
    out, err = capsys.readouterr()
    assert err.count("***") >= len(LOGINS)
    assert_found_nowhere(stage, out, err)


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_that_cannot_be_read_is_refused(
    stage: Stage,
    production: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    for value in BAD_PROXIES:
        production(name, value)
        assert typed("board", "check") == 2
        out, err = capsys.readouterr()
        assert name in err
        assert "%40 for @" in err
        assert_found_nowhere(stage, out, err)


def test_a_run_keeps_no_password_of_a_proxy(
    stage: Stage, production: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stage.add_orders(1)
    production("HTTP_PROXY", BAD_PROXIES[0])
    assert typed("sync") == 2
    with stage.instance() as instance:
        (run,) = instance.get_runs()
        kept = "".join(serialize_value(entry) for entry in instance.all_logs(run.run_id))
    assert "HTTP_PROXY is not the address of a proxy" in kept
    out, err = capsys.readouterr()
    assert_found_nowhere(stage, out, err, kept.replace("Traceback", ""))


@pytest.mark.parametrize("value", REFUSING)
def test_a_proxy_that_does_not_answer_is_reported_without_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", value)
    with MondayReader(MondayTransport("http://monday.invalid/v2", "token"), attempts=1) as reader:
        for send in (lambda: reader._transport.send("{}"), lambda: reader._transport.download("http://files.invalid/")):
            with pytest.raises(OrderSyncError) as caught:
                send()
            assert CORE not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "ALL_PROXY"])
def test_what_httpx_refuses_is_a_wrong_configuration(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, {"SSL_CERT_FILE": "/nowhere", "ALL_PROXY": f"socks5://u:{CORE}@127.0.0.1:1"}[variable])
    with pytest.raises(ConfigurationError) as caught:
        MondayReader(MondayTransport("https://monday.invalid/v2", "token")).__enter__()
    assert CORE not in "".join(traceback.format_exception(caught.value))


def every_secret() -> Iterator[tuple[str, str]]:
    for name in SECRET_FIELDS:
        yield f"ORDER_SYNC_{name.upper()}", f"https://hook.example/{CORE}xx" if name == "notify_urls" else CORE
    yield "order_sync_monday_token", CORE
    yield "ORDER_SYNC_MONDAY_URL", f"https://u:{CORE}@api.example/v2"
    yield "ORDER_SYNC_NOTIFY_URLS", f"slack://{CORE}/#orders jsons://hook.example/x?sig={CORE}"
    yield "DAGSTER_PG_URL", f"postgresql://dagster:{CORE}@pg/dagster"
    yield "DAGSTER_PG_PASSWORD", CORE
    yield "AZURE_CLIENT_SECRET", CORE
    yield from ((name, value) for name in PROXIES for value in (REFUSING + BAD_PROXIES))
    yield from (("ORDER_SYNC_DATABASE_URL", url) for url in LOGINS + DATABASES)


# Where the word is a part of the secret only: by itself it is none.
LONGER = {
    f"https://hook.example/{CORE}xx": f"{CORE}xx",
    LOGINS[1]: f"p@{CORE}/x",
    LOGINS[4]: f"a;}}{CORE}",
}
# No address at all, and a port: nothing says that it is a secret.
NO_SECRETS = {("ORDER_SYNC_DATABASE_URL", value) for value in (CORE, DATABASES[6])}


@pytest.mark.parametrize(("name", "value"), [of for of in every_secret() if of not in NO_SECRETS])
def test_every_word_of_the_process_is_masked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setattr(known_secrets, "_given", set())  # what other tests have given to this process
    monkeypatch.setenv(name, value)
    secret = LONGER.get(value, CORE)
    assert CORE not in mask(f"{value} {secret} and {quote(secret)}")
    assert CORE not in str(OrderSyncError(f"cannot: {value}"))
    with pytest.raises(ValueError, match=r"\*\*\*") as caught, masked_errors():
        raise ValueError(f"a library says {secret}")
    assert CORE not in "".join(traceback.format_exception(caught.value))
    mask_logs()
    logging.getLogger("a.library").warning("connecting to %s", value)
    assert caplog.records
    assert CORE not in caplog.text


def test_short_passwords_are_masked_where_they_stand_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://u:order@proxy:1")
    assert mask("an order by http://u:order@proxy:1") == "an order by http://u***proxy:1"


def test_a_secret_given_beside_the_environment_is_masked() -> None:
    with pytest.raises(ConfigurationError):
        load_settings(monday_token=f"{CORE}given \n")
    load_settings(notify_urls=f"slack://{CORE}given/#x")
    assert mask(f"token {CORE}given") == "token ***"


def test_no_alert_that_fails_names_its_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("order_sync.automation.channels.ATTEMPTS", 1)
    settings = load_settings(
        notify_urls=f"json://u:{CORE}user@127.0.0.1:1/{CORE}path?:key={CORE} mailto://u:{CORE}mail@127.0.0.1:1?mode=insecure&from=a@b.example&to=c@d.example"
    )
    assert settings.notify_urls is not None
    nobody: Any = None  # nothing is sent, so it is not asked
    message = Message(severity=Severity.FAILURE, title="x", lines=(f"Reason: {CORE}path",), link=None)
    assert CORE not in message.text
    with pytest.raises(NotSent) as caught:
        _send(nobody, channels_of(settings.notify_urls.get_secret_value()), [message], {})
    assert CORE not in "".join(traceback.format_exception(caught.value))
    assert CORE not in caplog.text


def test_an_unreadable_mapping_names_no_secret(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SECRET_FIELDS:
        if name != "database_url":
            monkeypatch.setenv(f"ORDER_SYNC_{name.upper()}", f"https://hook.example/{CORE}xxx")
    monkeypatch.setenv("ORDER_SYNC_MAPPING", str(stage.folder / "no.toml"))
    assert typed("status") == 2
    (stage.folder / "no.toml").write_text(f'token = "{CORE}"\n[[', encoding="utf-8")
    assert typed("status") == 2
    (stage.folder / "no.toml").unlink()
    out, err = capsys.readouterr()
    assert_found_nowhere(stage, out, err)


def test_masking_knows_every_secret_setting() -> None:
    assert SECRET_FIELDS == [
        "database_url",
        "database_access_token",
        "monday_token",
        "notify_urls",
    ]
