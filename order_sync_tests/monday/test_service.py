"""A service that does not answer as monday does: the next step that is named is the right one, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from order_sync.monday.client import MondayReader
from order_sync.monday.pacing import Clock, Pacer
from order_sync.monday.service import next_step
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import Fatal, Transient

ADDRESS = "is probably not the URL of monday's API: https://api.monday.com/v2"
FAULT = "The local server failed: see the output of `order-sync emulator`."
NETWORK = ("network", "HTTPS_PROXY", "firewall")  # what has nothing to do with a server that answers
PAGE, JSON = "<html><title>No</title></html>", '{"detail": "no"}'
INTERNAL = '{"errors": [{"message": "no", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}'


@contextmanager
def server(status: int, body: str) -> Iterator[str]:
    """Answers every POST with the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/v2"
        finally:
            http.shutdown()
            thread.join()


def refusal(url: str) -> str:
    """What a run says that begins there."""
    with (
        MondayReader(MondayTransport(url, "a-token"), pacer=Pacer(clock=Clock(1_000))) as reader,
        pytest.raises(Fatal) as caught,
    ):
        reader.check_version()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "step"),
    [
        *((status, body, ADDRESS) for status in (404, 405, 410) for body in ("", PAGE, JSON)),
        (501, JSON, FAULT),
        (200, '{"ok": true}', ADDRESS),
        (200, '{"data": {"version": {"value": "2026-10"}}, "errors": []', "ORDER_SYNC_MONDAY_URL"),
        (500, "", FAULT),
        (500, PAGE, FAULT),
        (500, INTERNAL, FAULT),
        (200, INTERNAL, FAULT),
        (503, PAGE, FAULT),
        (429, '{"error_message": "Rate limit"}', "monday asks clients to wait: try again in a few minutes."),
        (423, JSON, "monday asks clients to wait"),
    ],
)
def test_the_next_step_is_right_for_the_answer(status: int, body: str, step: str) -> None:
    with server(status, body) as url:
        reported = refusal(url)
    assert step in reported
    assert not [word for word in NETWORK if word in reported]


def test_nobody_listens() -> None:
    with server(200, "") as url:
        pass
    assert "Start `order-sync emulator` if you use the local monday; otherwise correct" in refusal(url)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("unreachable", "Check ORDER_SYNC_MONDAY_URL, the network and the firewall."),
        ("no_answer", "The server accepts connections but does not answer"),
        ("500", "This is a problem at monday, not in the settings: try again later; see https://status.monday.com"),
        ("INTERNAL_SERVER_ERROR", "This is a problem at monday"),
        ("maxConcurrencyExceeded", "monday asks clients to wait"),
        ("odd_answer", ADDRESS),
    ],
)
def test_the_local_monday_is_not_spoken_of_in_production(code: str, step: str) -> None:
    reported = next_step(Transient("no", code=code), "https://api.monday.com/v2")
    assert step in reported
    assert "emulator" not in reported
