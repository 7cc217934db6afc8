"""In: one HTTP request to /v2.
Out: monday's answer, after faults, idempotency, board locks and budgets had their say, in that order.
Never: an answer that is sent before its effects are in the journal."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLError
from graphql.execution.values import get_argument_values
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from order_sync.emulator import answers, bounds, limits, refusals
from order_sync.emulator.answers import Answer, Frame
from order_sync.emulator.connection import NoResponse, interrupt
from order_sync.emulator.effects import ResponseKept
from order_sync.emulator.emulation import Account, Emulation, RequestRecord
from order_sync.emulator.errors import MondayError
from order_sync.emulator.execution import (
    ANSWER_FIELDS,
    AnswerTooLarge,
    Document,
    Documents,
    InvalidDocument,
    error_entries,
    run,
)
from order_sync.emulator.faults import NO_STRIKE, Fault, FaultKind, Strike
from order_sync.emulator.limits import Left
from order_sync.emulator.refusals import Refusal
from order_sync.emulator.resolvers import RequestContext, executable_schema
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import user, user_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The readable content of a request."""

    document: Document
    variables: Mapping[str, Any]
    operation_name: str | None


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request on its way through the handler."""

    request: Request
    account: Account
    settings: EmulatorSettings
    frame: Frame
    record: RequestRecord
    left: Left
    api_version: str
    strike: Strike = NO_STRIKE


class Api:
    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._documents = Documents()

    async def post(self, request: Request) -> Response:
        account, settings = self._emulation.account, self._emulation.settings
        totals = account.totals
        totals.calls += 1
        totals.in_flight += 1
        totals.in_flight_peak = max(totals.in_flight_peak, totals.in_flight)
        exchange = self._exchange(request, account, settings)
        record = exchange.record
        try:
            answer = await self._answer(exchange)
        except ClientDisconnect:
            answer = None
        finally:
            totals.in_flight -= 1
            totals.complexity += record.cost
            totals.replayed += record.replayed
            record.seconds = self._emulation.clock.now() - record.at
            account.requests.append(record)
        if answer is None:
            totals.cut += 1
            return NoResponse()
        totals.refused += answer.status >= 400
        record.status = answer.status
        record.error_codes = list(answer.error_codes)
        record.complexity_left = exchange.left.complexity_after
        return self._response(exchange, answer)

    async def post_file(self, _request: Request) -> Response:
        """Where clients upload files, which the emulator has no place for."""
        frame = Frame(str(uuid.uuid4()), self._emulation.settings.account_id)
        message = (
            "The emulator takes no files: 'add_file_to_column' and 'add_file_to_update' are missing on 'Mutation'."
        )
        answer = frame.invalid(error_entries([GraphQLError(message)], "GRAPHQL_VALIDATION_FAILED"))
        return Response(answer.body, answer.status, media_type=answer.content_type)

    def _exchange(self, request: Request, account: Account, settings: EmulatorSettings) -> Exchange:
        wanted = request.headers.get("api-version")
        in_flight = account.totals.in_flight
        frame = Frame(str(uuid.uuid4()), settings.account_id)
        record = RequestRecord(
            number=account.totals.requests,
            at=self._emulation.clock.now(),
            in_flight=in_flight,
            request_id=frame.request_id,
            idempotency_key=request.headers.get("idempotency-key"),
        )
        return Exchange(
            request=request,
            account=account,
            settings=settings,
            frame=frame,
            record=record,
            left=account.budgets.look(settings, kind="mutation", in_flight=in_flight),
            api_version=wanted if wanted in settings.api_versions else settings.api_version,
        )

    async def _answer(self, exchange: Exchange) -> Answer | None:
        """None: the connection was cut."""
        call = await self._read(exchange)
        if isinstance(call, Answer):
            return call
        document, record = call.document, exchange.record
        record.kind = document.kind
        record.operations = sorted(document.names)
        record.aliases = len(document.fields)
        exchange.strike = exchange.account.faults.strike(document.names | {document.kind})
        record.faults = list(exchange.strike.kinds)
        ending = exchange.strike.ending
        if ending is not None and not ending.strikes_after:
            return await self._end(exchange, ending, call)
        key = record.idempotency_key if document.kind == "mutation" else None
        execution = self._admitted(exchange, call) if key is None else self._once(exchange, call, key)
        answer = await self._in_time(exchange, execution)
        if ending is not None:
            return await self._end(exchange, ending, call)
        return answer

    async def _in_time(self, exchange: Exchange, execution: Coroutine[Any, Any, Answer]) -> Answer:
        """monday's gateway gives up on a slow answer; the execution behind it continues to its end."""
        timeout_s, running = exchange.settings.timeout_s, exchange.account.running
        task = asyncio.get_running_loop().create_task(execution)
        running.add(task)
        task.add_done_callback(running.discard)
        if timeout_s:
            patience = asyncio.ensure_future(self._emulation.clock.sleep(timeout_s))
            await asyncio.wait({task, patience}, return_when=asyncio.FIRST_COMPLETED)
            patience.cancel()
        else:
            await asyncio.wait({task})
        if not task.done():
            return answers.GATEWAY_TIMEOUT
        # A reset ends what runs, and answers it like any gateway that has lost its server.
        return answers.BAD_GATEWAY if task.cancelled() else task.result()

    async def _read(self, exchange: Exchange) -> Call | Answer:
        frame, settings, request = exchange.frame, exchange.settings, exchange.request
        token = request.headers.get("authorization", "")
        bearer = token.lower().startswith("bearer ")
        if not token or bearer or settings.token not in (None, token):
            return frame.refusal(Refusal(status=401, code="NOT_AUTHENTICATED", message="Not Authenticated"))
        try:
            body = await bounds.read_body(request, settings.body_max_bytes)
        except bounds.BodyTooLarge as error:
            return frame.refusal(refusals.body_too_large(str(error)))
        user.set(user_of(token))
        exchange.record.body_bytes = len(body)
        try:
            payload = bounds.read_payload(body, request.headers.get("content-type", ""))
            text, variables = payload["query"], payload.get("variables") or {}
            operation_name = payload.get("operationName")
        except (ValueError, KeyError, TypeError, AttributeError):
            payload = operation_name = None
        known = isinstance(operation_name, str | None)
        if payload is None or not isinstance(text, str) or not isinstance(variables, dict) or not known:
            message = "The body must be a JSON object with query and, if need be, variables"
            return frame.refusal(Refusal(status=400, code="BAD_REQUEST", message=message))
        document = self._documents.prepare(text, operation_name)
        if isinstance(document, InvalidDocument):
            return frame.invalid(error_entries(document.errors, document.code))
        return Call(document=document, variables=variables, operation_name=operation_name)

    async def _once(self, exchange: Exchange, call: Call, key: str) -> Answer:
        """The same key never runs twice at once, and not again while its answer is kept."""
        store = exchange.account.idempotency
        kept = store.find(key, exchange.settings.idempotency_retention_s)
        if kept is not None:
            await self._delay(exchange)
            exchange.record.replayed = True
            return Answer(status=kept.status, body=kept.body, headers={"Idempotency-Replayed": "true"})
        if store.is_running(key):
            return exchange.frame.refusal(refusals.idempotency_conflict(1))
        store.start(key)
        try:
            return await self._admitted(exchange, call, key)
        finally:
            store.finish(key)

    async def _admitted(self, exchange: Exchange, call: Call, key: str | None = None) -> Answer:
        account, settings, document = exchange.account, exchange.settings, call.document
        boards = _touched_boards(account, call) if settings.lock_boards else set()
        if account.locks.is_taken(boards):
            return exchange.frame.refusal(refusals.board_locked(1))
        leave = account.budgets.admit(
            settings,
            kind=document.kind,
            cost=document.cost(settings.costs, call.variables),
            in_flight=exchange.record.in_flight,
            boards=sum(field.name == "create_board" for field in document.fields),
            bulk_jobs=sum(field.name == "ingest_items" for field in document.fields),
        )
        if isinstance(leave, Refusal):
            return exchange.frame.refusal(leave)
        exchange.left = leave
        exchange.record.cost = leave.complexity_query
        with account.locks.held(boards):
            await self._delay(exchange)
            answer = await self._execute(exchange, call)
        if key is not None:
            self._keep(exchange, key, answer)
        return answer

    async def _delay(self, exchange: Exchange) -> None:
        slow = exchange.strike.modifier(FaultKind.SLOW)
        seconds = exchange.settings.latency_ms / 1_000 + (slow.delay_s if slow else 0)
        if seconds:
            await self._emulation.clock.sleep(seconds)

    async def _execute(self, exchange: Exchange, call: Call) -> Answer:
        account, document = exchange.account, call.document
        context = RequestContext(
            state=account.state,
            boards=account.boards,
            items=account.items,
            directory=account.directory,
            duplicates=account.duplicates,
            lookup=account.lookup,
            settings=exchange.settings,
            clock=self._emulation.clock,
            left=exchange.left,
            api_version=exchange.api_version,
            page_url=self._emulation.page_url,
            base_url=str(exchange.request.base_url),
            bulk=account.bulk,
            removals=account.removals,
            job_faults=exchange.strike.of_jobs,
            failures=_failures(exchange.strike, document),
        )
        if document.kind == "mutation":
            account.totals.mutations += sum(field.name != "complexity" for field in document.fields)
        try:
            result = await run(document, context, call.variables, call.operation_name)
        except AnswerTooLarge:
            return exchange.frame.refusal(refusals.answer_too_large(ANSWER_FIELDS))
        for error in result.errors or ():
            if error.path and not isinstance(error.original_error, MondayError):
                _log.error("a field failed in a way monday does not know", exc_info=error.original_error)
        errors = error_entries(result.errors or (), "BAD_USER_INPUT")
        if result.data is None and not any(error.path for error in result.errors or ()):
            return exchange.frame.invalid(errors)
        return exchange.frame.result(result.data, errors, _status(result))

    def _keep(self, exchange: Exchange, key: str, answer: Answer) -> None:
        settings, size = exchange.settings, len(answer.body)
        if (
            answer.status < 500
            and size <= settings.idempotency_max_response
            and exchange.account.idempotency.has_room(size, settings.idempotency_memory)
            and exchange.strike.modifier(FaultKind.NOT_KEPT) is None
        ):
            effect = ResponseKept(key=key, status=answer.status, body=answer.body.decode("utf-8"))
            exchange.account.idempotency.keep(exchange.account.state.record(effect))

    async def _end(self, exchange: Exchange, fault: Fault, call: Call) -> Answer | None:
        """The fault's own answer; None after it cut the connection."""
        frame, wait = exchange.frame, fault.retry_in_seconds
        if await interrupt(exchange.request, fault, self._emulation.clock):
            return None
        if fault.kind in answers.BY_GATEWAY:
            return answers.BY_GATEWAY[fault.kind]
        match fault.kind:
            case FaultKind.HTTP_500:
                refusal = refusals.internal_error()
            case FaultKind.GARBAGE:
                return answers.garbage()
            case FaultKind.COMPLEXITY_LEGACY:
                cost = call.document.cost(exchange.settings.costs, call.variables)
                return frame.legacy_complexity(wait, cost, fault.status or 200)
            case FaultKind.FIELD_LIMIT_LEGACY:
                return frame.legacy_field_limit(wait, fault.status or 429)
            case _:
                refusal = refusals.of_fault(fault, exchange.settings.limits, self._emulation.clock.now())
        return frame.refusal(refusal)

    def _response(self, exchange: Exchange, answer: Answer) -> Response:
        version = exchange.api_version
        if exchange.strike.modifier(FaultKind.WRONG_VERSION) is not None:
            version = next(v for v in (*exchange.settings.api_versions, "2023-10") if v != version)
        response = Response(answer.body, answer.status, media_type=answer.content_type)
        for name, value in (
            *limits.rate_limit_headers(exchange.settings.limits, exchange.left),
            *answer.headers.items(),
            ("API-Version", version),
        ):
            response.headers[name] = value
        return response


def _status(result: ExecutionResult) -> int:
    """An HTTP status other than 200 only when every field of the document failed with it."""
    errors = result.errors or []
    if result.data is not None and any(value is not None for value in result.data.values()):
        return 200
    statuses = {getattr(error.original_error, "status", 200) for error in errors}
    return int(statuses.pop()) if len(statuses) == 1 else 200


def _failures(strike: Strike, document: Document) -> dict[str, MondayError]:
    fault = strike.modifier(FaultKind.PARTIAL_BATCH)
    if fault is None:
        return {}
    positions = fault.aliases or range(1, len(document.fields), 2)
    if fault.failure == "final":
        code, status = fault.code or "ColumnValueException", 200
    else:
        code, status = fault.code or "INTERNAL_SERVER_ERROR", 500
    message = "The emulator was told to fail here"
    return {
        document.fields[position].alias: MondayError(code, message, status=status)
        for position in positions
        if position < len(document.fields)
    }


def _touched_boards(account: Account, call: Call) -> set[int]:
    """Boards that the mutation writes to; subitems live on a board of their own."""
    if call.document.kind != "mutation":
        return set()
    mutation = executable_schema().mutation_type
    boards: set[int] = set()
    for field in call.document.fields:
        if mutation is None or field.name not in mutation.fields:
            continue
        arguments = get_argument_values(mutation.fields[field.name], field.node, dict(call.variables))
        item_id = bounds.whole(arguments.get("parent_item_id") or arguments.get("item_id"))
        item = account.state.items.get(item_id or 0)
        board_id = bounds.whole(arguments.get("board_id"))
        if item is not None:
            subitems = item.board.subitem_board_id if "parent_item_id" in arguments else None
            boards.add(subitems or item.board.id)
        elif board_id is not None:
            boards.add(board_id)
    return boards
