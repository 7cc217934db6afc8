"""In: fault rules and the operations of a request.
Out: which rules strike this request; the server turns them into lost answers, errors and delays.
Never: chance without a seed: the same rules and the same requests give the same faults."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FaultKind(StrEnum):
    """`before`: nothing happened yet. `after`: the effect happened and its answer is lost."""

    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    HTTP_500 = "http_500"
    HTTP_502_HTML = "http_502_html"
    HTTP_503_EMPTY = "http_503_empty"
    HTTP_504_BEFORE = "http_504_before"
    HTTP_504_AFTER = "http_504_after"
    RATE_LIMIT_MINUTE = "rate_limit_minute"
    COMPLEXITY = "complexity"
    COMPLEXITY_LEGACY = "complexity_legacy"
    FIELD_LIMIT = "field_limit"
    FIELD_LIMIT_LEGACY = "field_limit_legacy"
    CONCURRENCY_429 = "concurrency_429"
    IP_RATE_LIMIT = "ip_rate_limit"
    DAILY_LIMIT = "daily_limit"
    BOARD_LOCK_423 = "board_lock_423"
    IDEMPOTENCY_409 = "idempotency_409"
    API_BLOCKED = "api_blocked"
    GARBAGE = "garbage"
    #: The rest change a request that is still answered; several of them may strike together.
    PARTIAL_BATCH = "partial_batch"
    NOT_KEPT = "not_kept"
    SLOW = "slow"
    WRONG_VERSION = "wrong_version"
    #: Of a bulk import's ingest_items or upload, the first and third of bulk_*_items too: how the job continues.
    JOB_FAILED = "job_failed"
    JOB_REJECTED = "job_rejected"
    JOB_STUCK = "job_stuck"
    REPORT_MISSING = "report_missing"


JOB_KINDS = frozenset({FaultKind.JOB_FAILED, FaultKind.JOB_REJECTED, FaultKind.JOB_STUCK, FaultKind.REPORT_MISSING})
MODIFIERS = JOB_KINDS | {FaultKind.PARTIAL_BATCH, FaultKind.NOT_KEPT, FaultKind.SLOW, FaultKind.WRONG_VERSION}
AFTER_KINDS = frozenset({FaultKind.RESET_AFTER, FaultKind.TIMEOUT_AFTER, FaultKind.HTTP_504_AFTER})
#: These can be sent before or after the effect: `Fault.after` says which.
EITHER_KINDS = frozenset({FaultKind.HTTP_500, FaultKind.HTTP_502_HTML, FaultKind.HTTP_503_EMPTY, FaultKind.GARBAGE})

_FILE_KINDS = frozenset(
    {
        FaultKind.RESET_BEFORE,
        FaultKind.RESET_AFTER,
        FaultKind.TIMEOUT_BEFORE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.HTTP_500,
        FaultKind.HTTP_502_HTML,
        FaultKind.HTTP_503_EMPTY,
        FaultKind.HTTP_504_BEFORE,
        FaultKind.HTTP_504_AFTER,
        FaultKind.SLOW,
    }
)
#: What can strike the files of bulk imports, which are no calls of the API, by operation.
FILE_KINDS = {"upload": _FILE_KINDS | JOB_KINDS, "report": _FILE_KINDS | {FaultKind.GARBAGE}}
_REMOVAL_KINDS = frozenset({FaultKind.JOB_FAILED, FaultKind.JOB_STUCK})
_JOB_OPERATIONS = {
    "ingest_items": JOB_KINDS,
    "upload": JOB_KINDS,
    "bulk_archive_items": _REMOVAL_KINDS,
    "bulk_delete_items": _REMOVAL_KINDS,
}


class Fault(BaseModel):
    """One rule: counts the requests with its operation, strikes by nth, every or probability, else all."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: FaultKind
    #: A root field (create_item, boards ...), "mutation", "query" or "any"; "upload" or "report" of a bulk import.
    operation: str = "any"
    nth: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    #: Strikes at most so often.
    times: int | None = Field(default=None, ge=1)
    after: bool = False
    #: Virtual milliseconds a timeout or a slow answer takes (default: monday's 60 s time-out; 1 s for slow).
    delay_ms: float | None = Field(default=None, ge=0)
    retry_in_seconds: int = Field(default=5, ge=0)
    #: HTTP status instead of the usual one (complexity, daily limit).
    status: int | None = Field(default=None, ge=200, le=599)
    #: partial_batch: positions of the failing mutations (0 = first); empty = every second one.
    aliases: tuple[int, ...] = ()
    #: partial_batch: an error worth a retry, or one for good; `code` overrides monday's code.
    failure: Literal["retryable", "final"] = "retryable"
    code: str | None = None
    #: job_failed: after this number of rows written, or items removed.
    rows: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_way_to_strike(self) -> Self:
        if sum(way is not None for way in (self.nth, self.every, self.probability)) > 1:
            raise ValueError("a fault has one of nth, every, probability")
        if self.after and self.kind not in EITHER_KINDS:
            raise ValueError(f"after does not apply to {self.kind}")
        if self.kind not in FILE_KINDS.get(self.operation, FaultKind):
            raise ValueError(f"{self.kind} does not apply to {self.operation}")
        if self.kind in JOB_KINDS and self.kind not in _JOB_OPERATIONS.get(self.operation, ()):
            jobs = [operation for operation, kinds in _JOB_OPERATIONS.items() if self.kind in kinds]
            raise ValueError(f"{self.kind} needs one of the operations {', '.join(jobs)}")
        return self

    @property
    def strikes_after(self) -> bool:
        return self.after or self.kind in AFTER_KINDS

    @property
    def delay_s(self) -> float:
        default = 1_000 if self.kind is FaultKind.SLOW else 60_000
        return (default if self.delay_ms is None else self.delay_ms) / 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What hits one request: at most one rule that ends it, and any number that change it."""

    ending: Fault | None = None
    modifiers: tuple[Fault, ...] = ()

    def modifier(self, kind: FaultKind) -> Fault | None:
        return next((fault for fault in self.modifiers if fault.kind is kind), None)

    @property
    def of_jobs(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.modifiers if fault.kind in JOB_KINDS)

    @property
    def kinds(self) -> tuple[str, ...]:
        faults = (*self.modifiers, self.ending) if self.ending else self.modifiers
        return tuple(fault.kind.value for fault in faults)


NO_STRIKE = Strike()


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._random = random.Random(fault.seed)
        self._seen = 0
        self._struck = 0

    def strikes(self, operations: frozenset[str]) -> bool:
        """Counts the request, whether it strikes or not."""
        fault = self.fault
        if fault.operation not in operations:
            return False
        self._seen += 1
        if fault.times is not None and self._struck >= fault.times:
            return False
        if fault.nth is not None:
            return self._seen == fault.nth
        if fault.every is not None:
            return self._seen % fault.every == 0
        if fault.probability is not None:
            return self._random.random() < fault.probability
        return True

    def struck(self) -> None:
        self._struck += 1


class FaultEngine:
    def __init__(self, faults: Iterable[Fault]) -> None:
        self._rules = [_Rule(fault) for fault in faults]

    def strike(self, operations: frozenset[str], *, is_api: bool = True) -> Strike:
        if not self._rules:
            return NO_STRIKE
        if is_api:
            operations |= {"any"}
        ending: Fault | None = None
        modifiers: list[Fault] = []
        for rule in self._rules:
            if not rule.strikes(operations):
                continue
            if rule.fault.kind in MODIFIERS:
                modifiers.append(rule.fault)
            elif ending is None:
                ending = rule.fault
            else:
                continue
            rule.struck()
        return Strike(ending=ending, modifiers=tuple(modifiers))
