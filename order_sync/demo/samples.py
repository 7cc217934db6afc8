"""Sample orders of a garment maker with invented customers, for the embedded database.

In: a size and a seed. Out: rows for the site's four tables, and the expected rejections with their reasons.
The same seed gives the same rows, uuids included. Never calls another system.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase, chunks
from order_sync.database.tables import Tables, business_columns
from order_sync.demo.drafts import PLANS, REASONS, Draft, Group, Says, Size, Twist, make_drafts
from order_sync.demo.words import (
    ALIAS,
    ALT_PO,
    COLOUR,
    COLOURS,
    CUSTOMERS,
    DESCRIPTION,
    ETA,
    FOB,
    GARMENTS,
    LONG_COLOUR,
    ODD_TEXTS,
    ONE_SIZE_GARMENTS,
    PO,
    SEASONS,
    STYLE,
    TOTAL,
    TYPE,
    Garment,
    Row,
)
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import Action, State

BUSINESS = tuple(column.name for column in business_columns())


@dataclass(frozen=True, kw_only=True)
class SampleOrders:
    """Rows for the site's four tables, oldest first.

    TOTAL QTY of a header is the sum of the lines of its record_uuid, NULL if there are none yet.
    """

    headers: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    order_lines: list[Row] = field(default_factory=list)
    expected_rejections: dict[str, str] = field(default_factory=dict)  # delta_uuid -> a short reason


def make_orders(size: Size, *, seed: int = 7, created_at: datetime | None = None) -> SampleOrders:
    """All pending orders of a run, created in the days before `created_at` (UTC, naive; default now)."""
    plan, rng = PLANS[size], random.Random(f"{size} {seed}")
    now = created_at or _now()
    drafts = make_drafts(plan, rng)
    writer = _Writer(rng, now)
    for draft, at in zip(drafts, _times(rng, len(drafts), now), strict=True):
        writer.add(draft, at)
    writer.add_updates(plan.updates)
    writer.add_deletes(plan.deletes)
    return writer.finish()


def arriving_orders(count: int, *, seed: int, created_at: datetime | None = None) -> SampleOrders:
    """`count` new valid orders, with one header and some lines each, created at `created_at`."""
    rng = random.Random(f"arriving {seed}")
    writer = _Writer(rng, created_at or _now())
    for customer in rng.choices(CUSTOMERS, k=count):
        group = Group(customer, f"{customer} {SEASONS[0]}", SEASONS[0])
        writer.add(Draft(group, says=Says.TITLE, lines=rng.randint(3, 6)), writer.now)
    return writer.finish()


def insert_orders(database: WritableDatabase, tables: Tables, sample: SampleOrders) -> None:
    """Inserts all rows in one transaction."""
    with database.write() as connection:
        for table, rows in (
            (tables.orders, sample.orders),
            (tables.order_lines, sample.order_lines),
            (tables.header_queue, sample.headers),
            (tables.line_queue, sample.lines),
        ):
            for chunk in chunks(rows):
                connection.execute(sa.insert(table), chunk)


class _Writer:
    """Turns drafts into rows; all randomness comes from one generator."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self.now = now
        self._rng = rng
        self._sample = SampleOrders()
        self._order_numbers: list[str] = []
        # The last odd text (an emoji) is used once, the others as often as needed.
        self._odd_texts = itertools.chain(ODD_TEXTS, itertools.cycle(ODD_TEXTS[:-1]))
        # The rows that a later UPDATE or DELETE may refer to.
        self._good_headers: list[Row] = []
        self._good_lines: list[Row] = []

    def add(self, draft: Draft, at: datetime) -> None:
        """Writes all rows of one record_uuid."""
        record_uuid = self._uuid()
        garment = self._garment(draft)
        order_type = "FIT SESSION" if draft.twist is Twist.UNKNOWN_TYPE else self._order_type()
        lines = self._lines(draft, record_uuid, garment, order_type, at)
        total = sum(row["qty"] for row in lines) if lines else None
        first = self._business(draft, garment, order_type, total)
        further = [first | {COLOUR: self._colour(), PO: self._po()} for _ in range(draft.headers - 1)]
        headers = [self._header(record_uuid, business, draft, at) for business in (first, *further)]
        naming = self._naming(draft)

        self._sample.orders.append({"record_uuid": record_uuid, **first, **naming, "sync_state": None})
        self._sample.headers.extend(headers)
        self._sample.lines.extend(lines)
        self._sample.order_lines.extend(_order_line(row) for row in lines)
        if draft.twist is Twist.BLANK_SIZE:
            self._sample.expected_rejections[lines[-1]["delta_uuid"]] = REASONS[draft.twist]
        elif draft.twist in REASONS:
            self._sample.expected_rejections[headers[0]["delta_uuid"]] = REASONS[draft.twist]
        else:
            self._good_headers.append(headers[0])
            self._good_lines.extend(lines)

    def add_updates(self, count: int) -> None:
        """Later changes of headers: the ETA moves by a week."""
        for row in self._rng.sample(self._good_headers, count):
            eta = row[ETA] + timedelta(days=7) if row[ETA] else None
            changed = row | {ETA: eta} | self._later(row["created_at"], Action.UPDATE)
            self._sample.headers.append(changed | {"row_hash": _header_hash(changed)})

    def add_deletes(self, count: int) -> None:
        """Later cancellations of lines."""
        for row in self._rng.sample(self._good_lines, count):
            self._sample.lines.append(row | self._later(row["created_at"], Action.DELETE))

    def finish(self) -> SampleOrders:
        for rows in (self._sample.headers, self._sample.lines):
            rows.sort(key=lambda row: row["created_at"])
        return self._sample

    def _later(self, at: datetime, action: Action) -> Row:
        seconds = int((self.now - at).total_seconds())
        later = at + timedelta(seconds=self._rng.randint(0, seconds))
        return {"delta_uuid": self._uuid(), "action_type": action, "created_at": later}

    # ---- headers

    def _header(self, record_uuid: str, business: Row, draft: Draft, at: datetime) -> Row:
        row = {
            "delta_uuid": self._uuid(),
            "record_uuid": record_uuid,
            "action_type": Action.INSERT,
            "sync_state": State.NEW,
            **business,
            "GroupMonday": draft.group.title if draft.says is Says.TITLE else self._blank(),
            "sync_run_id": None,
            "retry_count": 0,
            "created_at": at,
        }
        return row | {"row_hash": _header_hash(row)}

    def _business(self, draft: Draft, garment: Garment, order_type: str, total: int | None) -> Row:
        row: Row = {
            ORDER_NUMBER: self._order_number(draft),
            CUSTOMER: draft.group.customer,
            PO: self._po(),
            STYLE: f"{garment.code}-{self._rng.randint(1_000, 9_999)}",
            DESCRIPTION: garment.description,
            COLOUR: self._colour(),
            TYPE: order_type,
            TOTAL: total,
            ETA: self._eta(),
            FOB: None if order_type == "SAMPLE" else self._fob(),
        }
        match draft.twist:
            case Twist.LONG_NAME:
                row[COLOUR] = LONG_COLOUR
            case Twist.NO_NAME:
                row |= {name: self._blank() for name in (STYLE, COLOUR, ORDER_NUMBER, PO)}
            case Twist.NO_COLOUR:
                row[COLOUR] = self._blank()
            case Twist.NO_PO:
                row[PO] = self._blank()
            case Twist.ODD_TEXT:
                row |= next(self._odd_texts)
        return row

    def _naming(self, draft: Draft) -> Row:
        """The columns that only ORDER_LIST has."""
        row: Row = {"CUSTOMER SEASON": draft.group.season, "AAG SEASON": draft.group.season}
        match draft.says:
            case Says.SEASON:
                row["AAG SEASON"] = self._rng.choice(SEASONS)  # CUSTOMER SEASON comes first
            case Says.AAG_SEASON:
                row["CUSTOMER SEASON"] = self._blank()
            case Says.CUSTOMER:
                row = {name: self._blank() for name in row}
        row[ALIAS] = f"ALT-{self._rng.randint(100, 999)}" if draft.twist is Twist.ALIAS else None
        has_alt = draft.twist is Twist.NO_PO or (draft.twist is None and self._rng.random() < 0.1)
        row[ALT_PO] = f"ALT {self._rng.randint(10_000, 99_999)}" if has_alt else None
        return row

    def _order_number(self, draft: Draft) -> str:
        if draft.twist is Twist.SAME_ORDER_NUMBER and self._order_numbers:
            return self._rng.choice(self._order_numbers)
        number = f"AAG{self.now:%y}-{self._rng.randint(0, 999_999):06}"
        if draft.twist is not Twist.NO_NAME:
            self._order_numbers.append(number)
        return number

    def _order_type(self) -> str:
        return self._rng.choices(("PRODUCTION", "REPEAT", "SAMPLE", "CANCELLED"), (82, 11, 6, 1))[0]

    def _po(self) -> str:
        pattern = self._rng.choice(("PO-{:06}", "4500{:06}", "{:06}/1", "PO {:06}-A"))
        return pattern.format(self._rng.randint(1, 999_999))

    def _colour(self) -> str:
        return self._rng.choice(COLOURS)

    def _eta(self) -> datetime | None:
        if self._rng.random() < 0.02:
            return None
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=self._rng.randint(30, 210))

    def _fob(self) -> Decimal:
        return Decimal(self._rng.randint(720, 25_600) * 25).scaleb(-4)  # 1.8000 to 64.0000

    # ---- lines

    def _lines(self, draft: Draft, record_uuid: str, garment: Garment, order_type: str, at: datetime) -> list[Row]:
        sizes: list[str | None] = [*self._sizes(garment, draft.lines)]
        if draft.twist is Twist.BLANK_SIZE:
            sizes[-1] = self._blank()
        # The largest is 1,800 * 1.6 * 9 pieces an order, so that the total is a smallint.
        usual = 3 if order_type == "SAMPLE" else self._rng.choice((12, 24, 60, 144, 600, 1_800))
        quantities = [round(usual * self._rng.uniform(0.4, 1.6)) for _ in sizes]
        return [self._line(record_uuid, *line, at) for line in zip(sizes, quantities, strict=True)]

    def _line(self, record_uuid: str, size: str | None, qty: int, at: datetime) -> Row:
        return {
            "delta_uuid": self._uuid(),
            "line_uuid": self._uuid(),
            "record_uuid": record_uuid,
            "action_type": Action.INSERT,
            "sync_state": State.PENDING,
            "size_code": size,
            "qty": qty,
            "row_hash": _hash([size, qty]),
            "sync_run_id": None,
            "retry_count": 0,
            "created_at": at,
        }

    def _garment(self, draft: Draft) -> Garment:
        return self._rng.choice(ONE_SIZE_GARMENTS if draft.twist is Twist.ONE_SIZE else GARMENTS)

    def _sizes(self, garment: Garment, count: int) -> Sequence[str]:
        """`count` neighbouring sizes."""
        start = self._rng.randint(0, len(garment.sizes) - count)
        return garment.sizes[start : start + count]

    # ---- both

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _blank(self) -> str | None:
        return self._rng.choice((None, "", "   "))


def _order_line(line: Row) -> Row:
    row = {name: line[name] for name in ("line_uuid", "record_uuid", "size_code", "qty")}
    return row | {"sync_state": None}


def _header_hash(row: Row) -> str:
    return _hash([row[name] for name in (*BUSINESS, "GroupMonday")])


def _hash(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _times(rng: random.Random, count: int, now: datetime) -> Iterable[datetime]:
    """When each order was created: over three days before now, oldest first."""
    ages = sorted((rng.randint(60, 3 * 86_400) for _ in range(count)), reverse=True)
    return (now - timedelta(seconds=age) for age in ages)
