"""In: idempotency keys and the answers that mutations got.
Out: for a key: proceed, wait (its first request still runs) or the kept answer.
Never: two executions under one key within the retention time, unless the answer was not kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from order_sync.emulator.clock import Clock
from order_sync.emulator.effects import Effect, ResponseKept


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResponse:
    at: float
    status: int
    body: bytes


class IdempotencyStore:
    def __init__(self, clock: Clock, effects: Iterable[Effect], retention_s: float) -> None:
        self._clock = clock
        #: Oldest first: keys expire in that order.
        self._kept: OrderedDict[str, KeptResponse] = OrderedDict()
        self._size = 0
        self._running: set[str] = set()
        for effect in effects:
            if isinstance(effect, ResponseKept):
                self.keep(effect)
        self._expire(retention_s)

    def find(self, key: str, retention_s: float) -> KeptResponse | None:
        self._expire(retention_s)
        return self._kept.get(key)

    def is_running(self, key: str) -> bool:
        return key in self._running

    def start(self, key: str) -> None:
        self._running.add(key)

    def finish(self, key: str) -> None:
        self._running.discard(key)

    def has_room(self, size: int, memory: int) -> bool:
        return self._size + size <= memory

    def keep(self, effect: ResponseKept) -> None:
        body = effect.body.encode("utf-8")
        self._kept[effect.key] = KeptResponse(at=effect.at, status=effect.status, body=body)
        self._size += len(body)

    def _expire(self, retention_s: float) -> None:
        limit = self._clock.now() - retention_s
        while self._kept:
            key, kept = next(iter(self._kept.items()))
            if kept.at > limit:
                break
            del self._kept[key]
            self._size -= len(kept.body)
