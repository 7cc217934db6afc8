"""In: results, refusals and faults.
Out: the bytes and headers monday would send for them, in every shape it is known to use.
Never: the request's own content in an error, and no answer without a request id where monday sends JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from order_sync.emulator.faults import FaultKind
from order_sync.emulator.refusals import Refusal

_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    error_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """What every JSON answer to one request carries."""

    request_id: str
    account_id: int

    def result(self, data: Any, errors: list[dict[str, Any]], status: int) -> Answer:
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = errors
        codes = tuple(str(error["extensions"]["code"]) for error in errors)
        return Answer(status=status, body=self._framed(body), error_codes=codes)

    def invalid(self, errors: list[dict[str, Any]]) -> Answer:
        """Nothing was executed: monday sends no `data` then."""
        codes = tuple(str(error["extensions"]["code"]) for error in errors)
        return Answer(status=200, body=self._framed({"errors": errors}), error_codes=codes)

    def refusal(self, refusal: Refusal) -> Answer:
        extensions: dict[str, Any] = {"code": refusal.code, "status_code": refusal.status}
        if refusal.data is not None:
            extensions["error_data"] = dict(refusal.data)
        headers = {}
        if refusal.retry_in_seconds is not None:
            extensions["retry_in_seconds"] = refusal.retry_in_seconds
            headers["Retry-After"] = str(refusal.retry_in_seconds)
        if refusal.retry_after_ms is not None:
            extensions["retryAfterMs"] = refusal.retry_after_ms
        error = {"message": refusal.message, "extensions": extensions}
        return Answer(
            status=refusal.status,
            body=self._framed({"errors": [error]}),
            headers=headers,
            error_codes=(refusal.code,),
        )

    def legacy_complexity(self, retry_in_seconds: int, cost: int, status: int) -> Answer:
        """The oldest shape: the errors are strings, the HTTP status may still be 200."""
        message = (
            f"Complexity budget exhausted, query cost {cost} budget remaining 0 out of 10000000 "
            f"reset in {retry_in_seconds} seconds"
        )
        body = {
            "error_code": "ComplexityException",
            "status_code": 429,
            "error_message": message,
            "error_data": {},
            "errors": [message],
        }
        return Answer(status=status, body=self._framed(body), error_codes=("ComplexityException",))

    def legacy_field_limit(self, retry_in_seconds: int, status: int) -> Answer:
        """Neither data nor errors: the code stands alone."""
        body = {
            "error_message": "Concurrency limit exceeded for the field",
            "error_code": "FIELD_LIMIT_EXCEEDED",
            "error_data": {"retry_in_seconds": retry_in_seconds, "entity": "items"},
            "status_code": 429,
        }
        return Answer(status=status, body=self._framed(body), error_codes=("FIELD_LIMIT_EXCEEDED",))

    def _framed(self, body: dict[str, Any]) -> bytes:
        body["account_id"] = self.account_id
        body["extensions"] = {"request_id": self.request_id}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _html(status: int, title: str) -> Answer:
    page = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return Answer(status=status, body=page.encode(), content_type="text/html")


BAD_GATEWAY, GATEWAY_TIMEOUT = _html(502, "Bad Gateway"), _html(504, "Gateway Time-out")
#: What something between a caller and monday answers by itself.
BY_GATEWAY: Mapping[FaultKind, Answer] = {
    FaultKind.HTTP_502_HTML: BAD_GATEWAY,
    FaultKind.HTTP_503_EMPTY: Answer(status=503, body=b"", content_type="text/plain"),
    FaultKind.HTTP_504_BEFORE: GATEWAY_TIMEOUT,
    FaultKind.HTTP_504_AFTER: GATEWAY_TIMEOUT,
}


def garbage() -> Answer:
    return Answer(status=200, body=b'{"data": {"create_item": {"id": "1', content_type=_JSON)
