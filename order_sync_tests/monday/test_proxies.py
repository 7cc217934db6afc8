"""Proxies of the environment: one that no client can use is refused by its variable, without a part of its password."""

from __future__ import annotations

import pytest

from order_sync.monday.proxies import check_proxies, proxy_passwords
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import ConfigurationError, Transient

MONDAY = "https://monday.invalid/v2"
CORE = "canaryPROXY4c1"
SCHEMES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"]


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SCHEMES, "http_proxy", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", SCHEMES)
@pytest.mark.parametrize("sign", ["/", "#", "?", "@", "/@"])
def test_a_password_that_is_not_escaped_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, sign: str) -> None:
    monkeypatch.setenv(variable, f"http://user:{CORE}{sign}{CORE}@proxy.invalid:8080")
    with pytest.raises(
        ConfigurationError, match=rf"^OS-114: {variable} is not the address of a proxy.*%40 for @"
    ) as caught:
        MondayTransport(MONDAY, "token")
    assert CORE not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("address", ["ftp://proxy.invalid", "http://:8080", "http://proxy.invalid:port"])
def test_an_invalid_proxy_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        check_proxies()


def test_a_proxy_that_needs_a_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://user:{CORE}@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"Cannot set up a connection to .*: ImportError: .*socksio") as caught:
        MondayTransport(MONDAY, "token").connect()
    assert CORE not in str(caught.value)


def test_the_error_of_a_proxy_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CORE}%40x@127.0.0.1:1")
    assert proxy_passwords() == {f"{CORE}%40x", f"{CORE}@x"}
    transport = MondayTransport(MONDAY, "token")
    transport.connect()
    with pytest.raises(Transient) as caught:
        transport.send("{}")
    transport.close()  # type: ignore[no-untyped-call]
    assert CORE not in str(caught.value)


def test_the_machine_s_own_monday_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{CORE}/@proxy.invalid")
    MondayTransport("http://127.0.0.1:4711/v2", "token")
