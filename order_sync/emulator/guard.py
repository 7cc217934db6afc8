"""In: every request, before anything else sees it.
Out: the request, if a program or the emulator's own page sent it; else 421 or 403, and nothing has happened.
Never: an answer under another name than its own (a web site could reach it by DNS), nor a change that a page of
another site asks for: a browser sends such requests for anyone who visits that site."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from order_sync.emulator.settings import EmulatorSettings

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_PAGE: Final = frozenset({"same-origin", "none"})  # Sec-Fetch-Site: none is what a person typed


class Guard:
    def __init__(self, app: ASGIApp, settings: EmulatorSettings) -> None:
        self._app = app
        self._host = settings.host.lower()
        self._is_remote = settings.is_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return PlainTextResponse("Invalid host header: this is the monday emulator", 421)
        if scope["method"] not in _READS and _from_another_site(headers, host):
            return PlainTextResponse("Refused: sent by a page of another site", 403)
        return None

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        if name in ("localhost", self._host):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # No DNS answer stands behind an address; a machine that is served under every address of its own has many.
        return address.is_loopback or self._is_remote


def _from_another_site(headers: Headers, host: str) -> bool:
    """Only a browser sends these headers, and no script in it can change them."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _OUR_PAGE:
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def _name(host: str) -> str:
    """Without the port; an IPv6 address without its brackets. Empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
