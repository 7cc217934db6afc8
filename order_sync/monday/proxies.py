"""The proxies that the environment names: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, in capitals or not.

In: the environment. Out: their passwords, to be masked. Raises ConfigurationError for one that no client could use.
Never a part of such an address in a message: what looks like a host or a port may be half a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

import httpx

from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.text.logins import login_of
from order_sync.text.redaction import ESCAPES

_NAMES = re.compile(r"(https?|all)_proxy", re.IGNORECASE)


def check_proxies() -> None:
    """Raises ConfigurationError that names the variable and what to write in it."""
    for variable, address in _proxies():
        if not _is_usable(address):
            raise ConfigurationError(
                f"{variable} is not the address of a proxy, http://user:password@host:port. In user and password write "
                f"{ESCAPES}. Nothing was sent.",
                SettingsFault.PROXY,
            )


def proxy_passwords() -> set[str]:
    """As they are written, and as they are meant."""
    found = {password for _, address in _proxies() if (password := login_of(address)[1])}
    return found | {unquote(password) for password in found}


def _proxies() -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in os.environ.items() if value and _NAMES.fullmatch(name))


def _is_usable(address: str) -> bool:
    whole = address if "://" in address else f"http://{address}"  # as httpx reads it
    authority, rest = re.match(r"([^/?#]*)(.*)", whole.partition("://")[2], re.DOTALL).groups()  # type: ignore[union-attr]
    if "@" in rest or authority.count("@") > 1:
        return False
    try:
        return bool(httpx.Proxy(whole).url.host)
    except Exception:
        # What a library says of such an address may hold a part of it.
        return False
