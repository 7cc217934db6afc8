"""In: the file of a bulk import, put to its upload URL; a report fetched from its own.
Out: what a store of files behind signed URLs answers: an ETag, the report, or an error in XML.
Never: a look at the token, as these URLs are their own permission; nor a call counted against the API's limits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from order_sync.emulator import answers
from order_sync.emulator.answers import Answer
from order_sync.emulator.bounds import read_start
from order_sync.emulator.connection import NoResponse, interrupt
from order_sync.emulator.emulation import Account, Emulation, RequestRecord
from order_sync.emulator.faults import Fault, FaultKind, Strike

_XML: Final = "application/xml"
_CSV: Final = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    request: Request
    account: Account
    strike: Strike
    body: bytes


_Serve: TypeAlias = Callable[[Exchange], Answer]


class Files:
    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def routes(self) -> list[Route]:
        return [
            Route("/_uploads/{secret}", self.upload, methods=["PUT"]),
            Route("/_reports/{job_id}", self.report, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        self._emulation.account.totals.uploads += 1
        return await self._respond("upload", request, _upload)

    async def report(self, request: Request) -> Response:
        self._emulation.account.totals.reports += 1
        return await self._respond("report", request, _report)

    async def _respond(self, kind: str, request: Request, serve: _Serve) -> Response:
        account, clock = self._emulation.account, self._emulation.clock
        record = RequestRecord(
            number=account.totals.requests,
            at=clock.now(),
            kind=kind,
            operations=[kind],
            in_flight=account.totals.in_flight,
        )
        try:
            answer = await self._answer(kind, request, account, record, serve)
        except ClientDisconnect:
            answer = None
        finally:
            record.seconds = clock.now() - record.at
            account.requests.append(record)
        if answer is None:
            account.totals.cut += 1
            return NoResponse()
        account.totals.refused += answer.status >= 400
        record.status = answer.status
        return Response(answer.body, answer.status, dict(answer.headers), answer.content_type)

    async def _answer(
        self, kind: str, request: Request, account: Account, record: RequestRecord, serve: _Serve
    ) -> Answer | None:
        body = await self._file(request, account)
        record.body_bytes = len(body)
        strike = account.faults.strike(frozenset({kind}), is_api=False)
        record.faults = list(strike.kinds)
        exchange = Exchange(request=request, account=account, strike=strike, body=body)
        end = strike.ending
        if end is not None and not end.strikes_after:
            return await self._end(request, end)
        slow = strike.modifier(FaultKind.SLOW)
        await self._emulation.clock.sleep(self._emulation.settings.latency_ms / 1_000 + (slow.delay_s if slow else 0))
        answer = serve(exchange)
        return answer if end is None else await self._end(request, end)

    async def _file(self, request: Request, account: Account) -> bytes:
        """Nothing is read for a URL that is not one of ours; of a file no more than shows that it is too large."""
        secret = request.path_params.get("secret")
        if secret is None or account.bulk.awaiting(secret) is None:
            return b""
        return await read_start(request, self._emulation.settings.bulk_max_bytes + 1)

    async def _end(self, request: Request, fault: Fault) -> Answer | None:
        if await interrupt(request, fault, self._emulation.clock):
            return None
        if fault.kind is FaultKind.GARBAGE:
            return Answer(status=200, body=b"serialNo,status,itemId,error\r\n1,success,1", content_type=_CSV)
        broken = _error(500, "InternalError", "We encountered an internal error. Please try again.")
        return answers.BY_GATEWAY.get(fault.kind, broken)


def _upload(exchange: Exchange) -> Answer:
    job = exchange.account.bulk.awaiting(exchange.request.path_params["secret"])
    if job is None:
        return _expired()
    if not exchange.request.headers.get("content-type", "").startswith("text/csv"):
        return _error(403, "SignatureDoesNotMatch", "The URL was signed for Content-Type: text/csv")
    exchange.account.bulk.upload(job, exchange.body, exchange.strike.of_jobs)
    etag = hashlib.md5(exchange.body, usedforsecurity=False).hexdigest()
    return Answer(status=200, body=b"", content_type="text/plain", headers={"ETag": f'"{etag}"'})


def _report(exchange: Exchange) -> Answer:
    request = exchange.request
    expires, signature = (request.query_params.get(name, "") for name in ("expires", "signature"))
    text = exchange.account.bulk.report(request.path_params["job_id"], expires, signature)
    if text is None:
        return _expired()
    return Answer(status=200, body=text.encode(), content_type=_CSV)


def _expired() -> Answer:
    return _error(403, "AccessDenied", "Request has expired")


def _error(status: int, code: str, message: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status=status, body=body.encode(), content_type=_XML)
