"""A server between order_sync and the emulator that echoes everything it was sent.

In: the emulator, and which requests to spoil in which way. Out: the emulator's answers, and for those requests one
that holds their headers and their address, as a careless gateway, a debugging proxy or a stack trace would show them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

OWN_HOP = {"connection", "content-length", "content-encoding", "transfer-encoding", "keep-alive", "date", "server"}


class Echo(StrEnum):
    """The answers that hold what was sent."""

    UNAUTHORIZED = "401, and GraphQL's error names the token"
    GRAPHQL = "200, and every part of GraphQL's error has it"
    LEGACY = "400 with error_code and error_message"
    HTML = "500 and a page"
    PLAIN_JSON = "403 and a list"
    STATUS_LINE = "no HTTP at all"
    HEADER = "a header that is none"
    VERSION = "another API version"
    REDIRECT = "302 to an address that holds it"
    NONSENSE = "200 and data of another shape"
    JOB_FAILED = "a job that says why its file could not be read"


class EchoServer:
    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.how: Echo | None = None
        self.upload_url = ""  # the last one that was reported
        self.struck = 0
        self._wanted: Callable[[str], bool] = lambda request: False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                server.handle(self)

            do_GET = do_POST = do_PUT = _any

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._client = httpx.Client(trust_env=False, timeout=30)
        self.url = f"http://127.0.0.1:{self._http.server_port}{self.target.path}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def spoil(self, how: Echo | None, text: str = "") -> None:
        """From now on, the requests with this text in their path or body."""
        self.how, self.struck = how, 0
        self._wanted = lambda request: how is not None and text in request

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._client.close()
        self._thread.join()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        if self._wanted(f"{handler.path} {body.decode(errors='replace')}"):
            self.struck += 1
            if self.how is not Echo.JOB_FAILED:
                self._report(handler)
                return
        origin = f"{self.target.scheme}://{self.target.netloc}"
        answer = self._client.request(
            handler.command, origin + handler.path, content=body, headers=dict(handler.headers)
        )
        content = answer.content
        if b"upload_url" in content:
            self.upload_url = json.loads(content)["data"]["ingest_items"]["upload_url"]
        if self.how is Echo.JOB_FAILED and b"fetch_job_status" in content:
            content = self._failed(content)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in OWN_HOP}
        _send(handler, answer.status_code, content, headers)

    def _failed(self, content: bytes) -> bytes:
        answer = json.loads(content)
        answer["data"]["fetch_job_status"] |= {"status": "FAILED", "failure_message": f"cannot read {self.upload_url}"}
        return json.dumps(answer).encode()

    def _report(self, handler: BaseHTTPRequestHandler) -> None:
        sent = {"authorization": handler.headers.get("authorization", ""), "path": f"{self.url[:-3]}{handler.path}"}
        words = f"authorization was {sent['authorization']!r} for {sent['path']}"
        reported = sent["authorization"] or sent["path"]
        error = {
            "message": words,
            "path": [words],
            "extensions": {"code": reported, "status_code": 200, "error_data": sent, "headers": dict(handler.headers)},
        }
        body = json.dumps({"data": None, "errors": [error], "extensions": {"request_id": reported}, "sent": sent})
        match self.how:
            case Echo.UNAUTHORIZED:
                _send(handler, 401, body.encode())
            case Echo.GRAPHQL:
                _send(handler, 200, body.encode(), {"X-Request-Id": reported})
            case Echo.LEGACY:
                legacy = {"error_code": reported, "error_message": words, "error_data": sent, "status_code": 400}
                _send(handler, 400, json.dumps(legacy).encode())
            case Echo.HTML:
                page = f"<html><title>{words}</title><pre>{handler.headers}</pre></html>"
                _send(handler, 500, page.encode(), {"Content-Type": "text/html"})
            case Echo.PLAIN_JSON:
                _send(handler, 403, json.dumps([words]).encode())
            case Echo.STATUS_LINE:
                handler.wfile.write(f"{words}\r\n{handler.headers}\r\n\r\n".encode())
                handler.close_connection = True
            case Echo.HEADER:
                head = f"HTTP/1.1 200 OK\r\n{words} is no header\r\nContent-Length: 2\r\n\r\n{{}}"
                handler.wfile.write(head.encode())
                handler.close_connection = True
            case Echo.VERSION:
                data = json.dumps({"data": {"version": {"value": reported}}}).encode()
                _send(handler, 200, data, {"API-Version": reported})
            case Echo.REDIRECT:
                _send(handler, 302, b"", {"Location": f"http://127.0.0.1:1/?{reported}"})
            case _:
                nonsense = {"version": [sent], "create_item": words, "a0": words, "a1": {"id": words}, "boards": words}
                _send(handler, 200, json.dumps({"data": nonsense}).encode(), {"API-Version": "2026-10"})


def _send(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
    handler.send_response_only(status)
    for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def echoing(target: str) -> Iterator[EchoServer]:
    server = EchoServer(target)
    try:
        yield server
    finally:
        server.stop()
