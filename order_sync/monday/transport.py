"""HTTP to monday: one request, one reply, with its status and headers kept.

In: an exact JSON body. Out: a `Reply` with anything the server answered except the token: an answer that echoes it
has *** there. Counts what it sends. Never retries and never raises for a status: what a reply means is errors.py's.
"""

from __future__ import annotations

import json
import logging
import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape
from typing import Any

import httpx
from gql.transport.exceptions import TransportClosed
from gql.transport.httpx import HTTPXTransport

from order_sync.monday import API_VERSION, shapes
from order_sync.monday.proxies import check_proxies, proxy_passwords
from order_sync.monday.usage import Usage
from order_sync.orders.errors import ConfigurationError, Fatal, NotMonday, Transient
from order_sync.orders.faults import SettingsFault
from order_sync.orders.monday_faults import MondayFault
from order_sync.text.redaction import Redaction

PROXY_ADVICE = (
    "Nothing was lost. Check HTTPS_PROXY and NO_PROXY (with the proxy's user and password, if it needs them), the "
    "firewall and ORDER_SYNC_MONDAY_URL, then start the run again."
)
ADDRESS_ADVICE = (
    "ORDER_SYNC_MONDAY_URL is probably not the URL of monday's API: https://api.monday.com/v2, or "
    "http://127.0.0.1:8765/v2 for the local monday."
)

Check = Callable[[], None]
_ABOUT_TO_WRITE = (".send_request_headers.started", ".send_request_body.started")

# httpx would log every URL, and the URL of a file grants access to it.
logging.getLogger("httpx").setLevel(logging.WARNING)


def unchecked() -> None:
    """The check of a request that may leave at any time."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer: HTTP status, headers (lower-case names) and the decoded body, None if it is no JSON object.

    `page` is the title of an HTML page that came instead, or how it begins; None where none came.
    """

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None
    page: str | None = None

    @property
    def data(self) -> Mapping[str, Any] | None:
        data = (self.body or {}).get("data")
        return data if isinstance(data, dict) else None

    @property
    def errors(self) -> list[Any]:
        errors = (self.body or {}).get("errors") or []
        return errors if isinstance(errors, list) else [errors]

    @property
    def request_id(self) -> str | None:
        extensions = shapes.mapping((self.body or {}).get("extensions"))
        return shapes.name(extensions.get("request_id")) or shapes.name(self.headers.get("x-request-id")) or None

    @property
    def replayed(self) -> bool:
        """monday kept this answer for its idempotency key: it describes an earlier request."""
        return self.headers.get("idempotency-replayed", "").lower() == "true"

    @property
    def sent_at(self) -> datetime | None:
        """When the answer left, by monday's clock: the Date header, in whole seconds."""
        try:
            at = parsedate_to_datetime(self.headers.get("date", ""))
        except (TypeError, ValueError):
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    @property
    def retry_after(self) -> float | None:
        """The seconds of the Retry-After header, also where it is a date; by monday's clock, not by ours."""
        header = self.headers.get("retry-after", "")
        try:
            at, now = parsedate_to_datetime(header), parsedate_to_datetime(self.headers.get("date", ""))
            return shapes.seconds((at - now).total_seconds())
        except (TypeError, ValueError, OverflowError):
            return shapes.seconds(header)


def read_reply(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    """An answer as it came over the wire."""
    body = _decode(content)
    is_page = body is None and ("html" in headers.get("content-type", "").lower() or content.lstrip()[:1] == b"<")
    return Reply(status=status, headers=headers, body=body, page=_title(content) if is_page else None)


# Reading the certificates takes 40 ms, and a run has several clients.
@lru_cache(maxsize=4)
def _certificates(trust_env: bool, file: str | None, folder: str | None) -> ssl.SSLContext:
    """Those that httpx trusts; `file` and `folder` are what the environment names instead."""
    return httpx.create_ssl_context(trust_env=trust_env)


class MondayTransport(HTTPXTransport):
    """gql's httpx transport, which loses status and headers, with a `send` that keeps them."""

    def __init__(self, url: str, token: str, *, version: str = API_VERSION, timeout_seconds: float = 75.0) -> None:
        self.version = version
        elsewhere = is_elsewhere(url)
        if elsewhere:
            check_proxies()
        # monday gives up after 60 s: waiting longer than it does turns most time-outs into answers.
        super().__init__(
            url,
            headers={"Authorization": token, "API-Version": version, "Content-Type": "application/json"},
            timeout=httpx.Timeout(timeout_seconds, connect=10.0),
            # A proxy of the company is for monday, not for the emulator on this machine.
            trust_env=elsewhere,
        )
        self._trust_env = elsewhere
        self.usage = Usage()  # all that this transport has sent
        self._redaction = Redaction(token, *(proxy_passwords() if elsewhere else ()))
        self._timeout = httpx.Timeout(timeout_seconds, connect=10.0)

    def connect(self) -> None:
        try:
            self.kwargs["verify"] = _certificates(
                self._trust_env, *map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))
            )
            super().connect()  # type: ignore[no-untyped-call]
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            text = self._redaction.text(f"{type(error).__name__}: {error}")
            raise ConfigurationError(
                f"Cannot set up a connection to {self.url}: {text}. {PROXY_ADVICE}", SettingsFault.PROXY
            ) from None

    def send(self, body: str, *, idempotency_key: str | None = None, last_check: Check = unchecked) -> Reply:
        """Posts the body as it is. Raises Transient if no answer came back.

        What `last_check` raises keeps it from leaving: it is called when the connection is there, right before the
        first and the last part are written.
        """
        if self.client is None:
            raise TransportClosed("Transport is not connected")
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        try:
            response = self.client.post(
                self.url, content=body.encode(), headers=headers, extensions=_checked(last_check)
            )
        except httpx.ProxyError as error:
            # It has let nothing through: monday knows of no request.
            raise self._no_way(error) from None
        except httpx.ConnectError as error:
            text = self._redaction.text(f"monday cannot be reached at {self.url}: {error}")
            raise Transient(text, MondayFault.UNREACHABLE, code="unreachable", no_effect=True) from None
        except httpx.RequestError as error:
            # The request may have taken effect: only its journal row and the board can say.
            self.usage.add(calls=0 if isinstance(error, httpx.ConnectTimeout) else 1)
            text = self._redaction.text(f"no answer from monday ({type(error).__name__}: {error})")
            raise Transient(text, MondayFault.NO_ANSWER, code="no_answer") from None
        except (httpx.InvalidURL, ValueError) as error:
            self.usage.add(calls=1)
            # Not foreseen by the library: whether it has left, the next run asks the board.
            text = self._redaction.text(f"the request to {self.url} failed ({type(error).__name__}: {error})")
            raise Fatal(
                f"{text}. Check ORDER_SYNC_MONDAY_URL and ORDER_SYNC_MONDAY_TOKEN.", MondayFault.REFUSED
            ) from None
        self.usage.add(calls=1)
        headers = {name: self._redaction.text(value) for name, value in response.headers.items()}
        reply = read_reply(response.status_code, headers, response.content)
        if self._redaction.concerns(response.content.decode(errors="replace")):
            return replace(reply, body=self._redaction.value(reply.body), page=self._redaction.value(reply.page))
        return reply

    def _no_way(self, error: httpx.ProxyError) -> NotMonday | Transient:
        text = self._redaction.text(f"the proxy on the way to {self.url} answers: {shapes.text(error)}")
        if re.match(r"\s*4\d\d\b", str(error)):
            return NotMonday(f"{text}. {PROXY_ADVICE}")
        return Transient(text, MondayFault.UNREACHABLE, code="unreachable", no_effect=True)

    def upload(self, url: str, content: bytes, *, last_check: Check = unchecked) -> None:
        """Puts a CSV file where monday said. Raises Transient if it was not taken, or that is unknown."""
        self._file("PUT", url, last_check, content=content, headers={"Content-Type": "text/csv"})

    def download(self, url: str) -> str:
        """A report's text. Raises Transient if it cannot be had."""
        return self._file("GET", url).content.decode("utf-8", errors="replace")

    def _file(self, method: str, url: str, last_check: Check = unchecked, **more: Any) -> httpx.Response:
        """The URL of a file grants access by itself: no token must be sent with it, and storage would refuse it."""
        try:
            with httpx.Client(timeout=self._timeout, trust_env=is_elsewhere(url)) as client:
                response = client.request(method, url, extensions=_checked(last_check), **more)
            response.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Never the URL: anyone who reads it could use it.
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
            what = f"HTTP {status}" if status else type(error).__name__
            # Without a connection nothing has left, and with no address there is none.
            nowhere = isinstance(error, httpx.ConnectError | httpx.InvalidURL | httpx.UnsupportedProtocol)
            refused = nowhere or (status is not None and 300 <= status < 500)
            raise Transient(
                f"{method} of a file: {what}", MondayFault.NO_FILE, code="file", no_effect=refused
            ) from None
        return response


def _checked(last_check: Check) -> dict[str, Any]:
    """Calls it before each part of a request is written: httpx reports every step to a `trace` extension."""

    def trace(event: str, _details: Any) -> None:
        if event.endswith(_ABOUT_TO_WRITE):
            last_check()

    return {"trace": trace}


def is_elsewhere(url: str) -> bool:
    return httpx.URL(url).host not in ("127.0.0.1", "localhost", "::1")


def _decode(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
        if rb"\u" in content.lower():
            # Half a character, which neither the database nor a terminal takes.
            body = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _title(page: bytes) -> str:
    """What a page calls itself, else how its text begins."""
    text = page[:20_000].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    readable = title[1] if title else re.sub(r"<(script|style)\b.*?</\1|<[^>]*>", " ", text, flags=re.I | re.S)
    return shapes.text(unescape(readable))[:80]
