"""Sample orders of a garment maker with invented customers, for the embedded database.

In: a size and a seed. Out: rows for the site's four tables, and which of them monday must reject and why.
The same seed gives the same rows, uuids included; nothing here is random in any other way or calls anybody.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum, auto
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase, chunks
from order_sync.database.tables import Tables, business_columns
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import Action, State

Row = dict[str, Any]  # by column name

COLOUR = "CUSTOMER COLOUR DESCRIPTION"
DESCRIPTION = "STYLE DESCRIPTION"
STYLE = "CUSTOMER STYLE"
PO = "PO NUMBER"
ALT_PO = "CUSTOMER ALT PO"
ALIAS = "ALIAS/RELATED ITEM"
ETA = "ETA CUSTOMER WAREHOUSE DATE"
TYPE = "ORDER TYPE"
TOTAL = "TOTAL QTY"
FOB = "FINAL FOB (USD)"
BUSINESS = tuple(column.name for column in business_columns())


class Size(StrEnum):
    SMALL = "small"  # one customer: quick to watch
    BUSY = "busy"  # a busy run of 34 customers


@dataclass(frozen=True, kw_only=True)
class SampleOrders:
    """Rows for the site's four tables, oldest first.

    TOTAL QTY of a header is the sum of the lines of its record_uuid, and NULL where there are none yet.
    """

    headers: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    order_lines: list[Row] = field(default_factory=list)
    expected_rejections: dict[str, str] = field(default_factory=dict)  # delta_uuid -> a short reason


def make_orders(size: Size, *, seed: int = 7, created_at: datetime | None = None) -> SampleOrders:
    """All pending orders of a run, created in the days before `created_at` (UTC, naive; default now)."""
    plan, rng = _PLANS[size], random.Random(f"{size} {seed}")
    now = created_at or _now()
    drafts = _draft(plan, rng)
    writer = _Writer(rng, now)
    for draft, at in zip(drafts, _times(rng, len(drafts), now), strict=True):
        writer.add(draft, at)
    writer.add_updates(plan.updates)
    writer.add_deletes(plan.deletes)
    return writer.finish()


def arriving_orders(count: int, *, seed: int, created_at: datetime | None = None) -> SampleOrders:
    """`count` new good orders, one header and some lines each, that arrive at `created_at`."""
    rng = random.Random(f"arriving {seed}")
    writer = _Writer(rng, created_at or _now())
    for customer in rng.choices(_CUSTOMERS, k=count):
        group = _Group(customer, f"{customer} {_SEASONS[0]}", _SEASONS[0])
        writer.add(_Draft(group, says=_Says.TITLE, lines=rng.randint(3, 6)), writer.now)
    return writer.finish()


def insert_orders(database: WritableDatabase, tables: Tables, sample: SampleOrders) -> None:
    """Inserts all rows in one transaction: all of the sample is there, or nothing of it."""
    with database.write() as connection:
        for table, rows in (
            (tables.orders, sample.orders),
            (tables.order_lines, sample.order_lines),
            (tables.header_queue, sample.headers),
            (tables.line_queue, sample.lines),
        ):
            for chunk in chunks(rows):
                connection.execute(sa.insert(table), chunk)


# ---- how much of what ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The numbers of a size. Headers and lines count INSERT rows; updates and deletes come on top."""

    customers: int
    groups: int
    headers: int
    lines: int
    bad_headers: int  # of each of the three kinds
    bad_lines: int
    updates: int
    deletes: int


_PLANS = {
    Size.SMALL: _Plan(
        customers=1,
        groups=5,
        headers=69,
        lines=317,
        bad_headers=1,
        bad_lines=1,
        updates=2,
        deletes=1,
    ),
    Size.BUSY: _Plan(
        customers=34,
        groups=127,
        headers=7_405,
        lines=34_012,
        bad_headers=4,
        bad_lines=5,
        updates=14,
        deletes=6,
    ),
}


class _Twist(Enum):
    """What is unusual about an order; most orders have no twist, and none has two."""

    # Rejected: the name rule or the board's labels forbid these.
    LONG_NAME = auto()
    UNKNOWN_TYPE = auto()
    NO_NAME = auto()
    BLANK_SIZE = auto()
    # Unusual, but good.
    NO_LINES = auto()
    ONE_SIZE = auto()
    NO_COLOUR = auto()
    NO_PO = auto()  # named by CUSTOMER ALT PO
    ALIAS = auto()  # named by ALIAS/RELATED ITEM
    SAME_ORDER_NUMBER = auto()  # as an earlier order's
    ODD_TEXT = auto()


_REASONS = {
    _Twist.LONG_NAME: "item name over 255 characters",
    _Twist.UNKNOWN_TYPE: "order type that the board has no label for",
    _Twist.NO_NAME: "no style, colour, order number or PO to make an item name of",
    _Twist.BLANK_SIZE: "line without size_code",
}
_BAD_HEADERS = (_Twist.LONG_NAME, _Twist.UNKNOWN_TYPE, _Twist.NO_NAME)
_LINES = {_Twist.NO_LINES: 0, _Twist.ONE_SIZE: 1, _Twist.BLANK_SIZE: 5}  # any other order has 2 to 9

# Share of all orders, and how many at least.
_SHARES = {
    _Twist.NO_LINES: (0.004, 2),
    _Twist.ONE_SIZE: (0.05, 2),
    _Twist.NO_COLOUR: (0.03, 2),
    _Twist.NO_PO: (0.05, 2),
    _Twist.ALIAS: (0.03, 2),
    _Twist.SAME_ORDER_NUMBER: (0.04, 2),
    _Twist.ODD_TEXT: (0.02, 7),
}


class _Says(Enum):
    """Where an order says which group it belongs to."""

    TITLE = auto()  # GroupMonday
    SEASON = auto()  # GroupMonday is blank; CUSTOMER SEASON
    AAG_SEASON = auto()  # GroupMonday and CUSTOMER SEASON are blank; AAG SEASON
    CUSTOMER = auto()  # all three are blank


@dataclass(frozen=True)
class _Group:
    """A group of the board; `season` is None where no order of the group has one."""

    customer: str
    title: str
    season: str | None

    def says(self, position: int) -> _Says:
        if self.season is None:
            return _Says.CUSTOMER
        if self.title != f"{self.customer} {self.season}":
            return _Says.TITLE
        return _SEASON_CYCLE[position % len(_SEASON_CYCLE)]


_SEASON_CYCLE = (_Says.TITLE, _Says.SEASON, _Says.TITLE, _Says.AAG_SEASON, *[_Says.TITLE] * 5)


@dataclass
class _Draft:
    """One record_uuid before its rows are written."""

    group: _Group
    says: _Says
    headers: int = 1
    lines: int = 0
    twist: _Twist | None = None


def _draft(plan: _Plan, rng: random.Random) -> list[_Draft]:
    """All record_uuids of a plan, in the order in which they were created."""
    drafts: list[_Draft] = []
    candidates: list[_Draft] = []  # for a rejection: one header, and not all there is in its group
    sizes = _headers_of_records(plan.headers, rng)
    groups = _groups(plan, rng)
    weights = [rng.uniform(0.3, 3.0) if group.season else 0.1 for group in groups]
    remaining = iter(sizes)
    for group, count in zip(groups, _split(len(sizes), weights, minimum=3), strict=True):
        for position, headers in enumerate(itertools.islice(remaining, count)):
            drafts.append(_Draft(group, group.says(position), headers))
            if position > 0 and headers == 1:
                candidates.append(drafts[-1])
    _reject(plan, _spread(candidates, rng))
    _twist(drafts, rng)
    _count_lines(drafts, plan.lines, rng)
    rng.shuffle(drafts)
    return drafts


def _headers_of_records(headers: int, rng: random.Random) -> list[int]:
    """How many headers each record_uuid has: some have two or three, most have one."""
    triples, doubles = headers // 60, headers // 30
    sizes = [3] * triples + [2] * doubles + [1] * (headers - 3 * triples - 2 * doubles)
    rng.shuffle(sizes)
    return sizes


def _groups(plan: _Plan, rng: random.Random) -> list[_Group]:
    """Each customer has a group a season; those with four or more also have one without and one by name."""
    groups = []
    customers = _CUSTOMERS[: plan.customers]
    weights = [rng.uniform(0.5, 1.5) for _ in customers]
    for customer, count in zip(customers, _split(plan.groups, weights, minimum=2), strict=True):
        if count >= 4:
            programme = f"{customer} - {rng.choice(_PROGRAMMES)}"
            groups += [_Group(customer, customer, None), _Group(customer, programme, rng.choice(_SEASONS))]
            count -= 2
        seasons = rng.sample(_SEASONS, count)
        groups += [_Group(customer, f"{customer} {season}", season) for season in seasons]
    return groups


def _reject(plan: _Plan, candidates: Iterator[_Draft]) -> None:
    for twist in _BAD_HEADERS:
        for draft in itertools.islice(candidates, plan.bad_headers):
            draft.twist = twist
    for draft in itertools.islice(candidates, plan.bad_lines):
        draft.twist = _Twist.BLANK_SIZE


def _spread(drafts: list[_Draft], rng: random.Random) -> Iterator[_Draft]:
    """In random order, but every customer's first before any customer's second."""
    seen: Counter[str] = Counter()
    ranked = []
    for draft in rng.sample(drafts, len(drafts)):
        ranked.append((seen[draft.group.customer], draft))
        seen[draft.group.customer] += 1
    return (draft for _, draft in sorted(ranked, key=lambda pair: pair[0]))


def _twist(drafts: list[_Draft], rng: random.Random) -> None:
    good = [draft for draft in drafts if draft.twist is None]
    remaining = iter(rng.sample(good, len(good)))
    for twist, (share, at_least) in _SHARES.items():
        for draft in itertools.islice(remaining, max(at_least, round(share * len(drafts)))):
            draft.twist = twist


def _count_lines(drafts: list[_Draft], lines: int, rng: random.Random) -> None:
    usual = []
    for draft in drafts:
        if draft.twist in _LINES:
            draft.lines = _LINES[draft.twist]
            lines -= draft.lines
        else:
            usual.append(draft)
    counts = _split(lines, [rng.uniform(0.3, 1.7) for _ in usual], minimum=2)
    for draft, count in zip(usual, counts, strict=True):
        draft.lines = count


def _split(total: int, weights: Sequence[float], *, minimum: int) -> list[int]:
    """Whole numbers that add up to `total`: the minimum each, and the rest in proportion to the weights."""
    rest, scale = total - minimum * len(weights), sum(weights)
    bounds = [round(rest * upto / scale) for upto in itertools.accumulate(weights, initial=0.0)]
    return [minimum + upper - lower for lower, upper in itertools.pairwise(bounds)]


# ---- rows ---------------------------------------------------------------------------------------------


class _Writer:
    """Turns drafts into rows; all randomness comes from one generator."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self.now = now
        self._rng = rng
        self._sample = SampleOrders()
        self._order_numbers: list[str] = []
        # The last odd text (an emoji) is used once, the others as often as needed.
        self._odd_texts = itertools.chain(_ODD_TEXTS, itertools.cycle(_ODD_TEXTS[:-1]))
        # What a later UPDATE or DELETE may be about.
        self._good_headers: list[Row] = []
        self._good_lines: list[Row] = []

    def add(self, draft: _Draft, at: datetime) -> None:
        """Writes all rows of one record_uuid."""
        record_uuid = self._uuid()
        garment = self._garment(draft)
        order_type = "FIT SESSION" if draft.twist is _Twist.UNKNOWN_TYPE else self._order_type()
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
        if draft.twist is _Twist.BLANK_SIZE:
            self._sample.expected_rejections[lines[-1]["delta_uuid"]] = _REASONS[draft.twist]
        elif draft.twist in _REASONS:
            self._sample.expected_rejections[headers[0]["delta_uuid"]] = _REASONS[draft.twist]
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

    def _header(self, record_uuid: str, business: Row, draft: _Draft, at: datetime) -> Row:
        row = {
            "delta_uuid": self._uuid(),
            "record_uuid": record_uuid,
            "action_type": Action.INSERT,
            "sync_state": State.NEW,
            **business,
            "GroupMonday": draft.group.title if draft.says is _Says.TITLE else self._blank(),
            "sync_run_id": None,
            "retry_count": 0,
            "created_at": at,
        }
        return row | {"row_hash": _header_hash(row)}

    def _business(self, draft: _Draft, garment: _Garment, order_type: str, total: int | None) -> Row:
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
            case _Twist.LONG_NAME:
                row[COLOUR] = _LONG_COLOUR
            case _Twist.NO_NAME:
                row |= {name: self._blank() for name in (STYLE, COLOUR, ORDER_NUMBER, PO)}
            case _Twist.NO_COLOUR:
                row[COLOUR] = self._blank()
            case _Twist.NO_PO:
                row[PO] = self._blank()
            case _Twist.ODD_TEXT:
                row |= next(self._odd_texts)
        return row

    def _naming(self, draft: _Draft) -> Row:
        """The columns that only ORDER_LIST has."""
        row: Row = {"CUSTOMER SEASON": draft.group.season, "AAG SEASON": draft.group.season}
        match draft.says:
            case _Says.SEASON:
                row["AAG SEASON"] = self._rng.choice(_SEASONS)  # CUSTOMER SEASON comes first
            case _Says.AAG_SEASON:
                row["CUSTOMER SEASON"] = self._blank()
            case _Says.CUSTOMER:
                row = {name: self._blank() for name in row}
        row[ALIAS] = f"ALT-{self._rng.randint(100, 999)}" if draft.twist is _Twist.ALIAS else None
        has_alt = draft.twist is _Twist.NO_PO or (draft.twist is None and self._rng.random() < 0.1)
        row[ALT_PO] = f"ALT {self._rng.randint(10_000, 99_999)}" if has_alt else None
        return row

    def _order_number(self, draft: _Draft) -> str:
        if draft.twist is _Twist.SAME_ORDER_NUMBER and self._order_numbers:
            return self._rng.choice(self._order_numbers)
        number = f"AAG{self.now:%y}-{self._rng.randint(0, 999_999):06}"
        if draft.twist is not _Twist.NO_NAME:
            self._order_numbers.append(number)
        return number

    def _order_type(self) -> str:
        return self._rng.choices(("PRODUCTION", "REPEAT", "SAMPLE", "CANCELLED"), (82, 11, 6, 1))[0]

    def _po(self) -> str:
        pattern = self._rng.choice(("PO-{:06}", "4500{:06}", "{:06}/1", "PO {:06}-A"))
        return pattern.format(self._rng.randint(1, 999_999))

    def _colour(self) -> str:
        return self._rng.choice(_COLOURS)

    def _eta(self) -> datetime | None:
        if self._rng.random() < 0.02:
            return None
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=self._rng.randint(30, 210))

    def _fob(self) -> Decimal:
        return Decimal(self._rng.randint(720, 25_600) * 25).scaleb(-4)  # 1.8000 to 64.0000

    # ---- lines

    def _lines(self, draft: _Draft, record_uuid: str, garment: _Garment, order_type: str, at: datetime) -> list[Row]:
        sizes: list[str | None] = [*self._sizes(garment, draft.lines)]
        if draft.twist is _Twist.BLANK_SIZE:
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

    def _garment(self, draft: _Draft) -> _Garment:
        return self._rng.choice(_ONE_SIZE_GARMENTS if draft.twist is _Twist.ONE_SIZE else _GARMENTS)

    def _sizes(self, garment: _Garment, count: int) -> Sequence[str]:
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


# ---- words --------------------------------------------------------------------------------------------

# All invented. The first is the one customer of the small sample.
_CUSTOMERS = (
    "O'Malley & Daughters",
    "Café Brontë",
    "Wick & Wool Lantern Co.",
    "Ateliê Três Pardais",
    "七つ針メリヤス",
    "D'Quillfeather Outfitters",
    "Ателье «Медный Ёж»",
    "Pellmell & Sons' Workwear",
    "Fjällugglan Strömpor",
    "Żółty Guzik Odzież",
    "Tumblethorn Kids",
    "L'Échelle à Boutons",
    "Ραφείο Γλαύκα & Υιοί",
    "Marrowbridge Uniforms",
    'The "Odd Sock" Cabin',
    "바늘고래 상회",
    "Quaywater Knitting",
    "Hüpfburg & Zwirn",
    "Nine Herons Golf",
    "Señor Calcetín del Sur",
    "Bramblewick / Fenn",
    "خياط القمر السابع",
    "Oatcake Outdoors",
    "Dŵr Glas Dillad",
    "Peregrine's Larder",
    "Saltmarsh 44",
    "Köprüüstü Düğme",
    "Gingham + Gale",
    "Thistle, Tuck and Teasel",
    "Škrjánek Móda",
    "Moonpenny Nursery",
    "Rye-Barley Denim",
    "N° 8 Rue Imaginaire",
    "Zig, Zag & O'Zigzag",
)

_SEASONS = ("SS27", "AW26", "SS26", "AW27", "HS26", "HOL26", "CORE 26")

_PROGRAMMES = ("Repeats", "Uniform 26/27", 'Core "never out"', "Friends & family", "Sampling")

_COLOURS = (
    "Black", "White", "Navy", "Ecru", "Grey marl", "Charcoal", "Bottle green", "Rust", "Sky", "Fuchsia",
    "Navy/White stripe", "Sage", "Terracotta", "Écru chiné", "Crème brûlée", "Ink - 19-4010", "Washed indigo",
    "Olive & Sand", "Oat", "Forest check", "Bleu de travail", "Lilac haze", "Mustard", "Optic white",
)  # fmt: skip

_LONG_COLOUR = "Engineered stripe: " + " / ".join([*_COLOURS[:11], *_COLOURS[:11]])[:230]  # nvarchar(255)

# Text that breaks careless quoting, escaping or encoding.
_ODD_TEXTS: tuple[Row, ...] = (
    {COLOUR: 'Navy "Regatta" 1/2" stripe'},
    {COLOUR: "Ecru {undyed} [lot 7]"},
    {STYLE: r"TS\4410\B"},
    {STYLE: "O'HARA-22; --", COLOUR: "Rosé % 50"},
    {DESCRIPTION: "Raglan sweat\nwith contrast neck tape\r\n(see tech pack, p. 2)"},
    {DESCRIPTION: 'Boxy tee "v2" {"fit": "loose"} \\ brushed back, $size <b>relaxed</b>'},
    {COLOUR: "Sunrise 🌅 print"},
)


@dataclass(frozen=True)
class _Garment:
    code: str
    description: str
    sizes: tuple[str, ...]


_ALPHA = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL")
_PLUS = ("XS", "S", "M", "L", "XL", "2XL", "3XL", "4XL", "5XL")
_WAIST = ("28/30", "30/30", "30/32", "32/30", "32/32", "34/30", "34/32", "36/32", "38/34")
_WOMENS = ("4", "6", "8", "10", "12", "14", "16", "18", "20")
_KIDS = ("2-3Y", "3-4Y", "4-5Y", "5-6Y", "6-7Y", "7-8Y", "9-10Y", "11-12Y", "13-14Y")
_BABY = ("NB", "0-1M", "0-3M", "3-6M", "6-9M", "9-12M", "12-18M", "18-24M", "24-36M")

_GARMENTS = (
    _Garment("TS", "Crew neck tee, organic jersey 180 gsm", _ALPHA),
    _Garment("PL", "Piqué polo, two buttons, tipped collar", _PLUS),
    _Garment("HD", "Zip hoody, loopback 320 gsm", _ALPHA),
    _Garment("KN", "Merino crew, 12 gauge, fully fashioned", _ALPHA),
    _Garment("JK", "Quilted work jacket, recycled fill", _PLUS),
    _Garment("CH", "Five-pocket chino, brushed twill", _WAIST),
    _Garment("DN", "Straight jean, 13 oz selvedge", _WAIST),
    _Garment("DR", "Tiered poplin dress, side pockets", _WOMENS),
    _Garment("BL", "Tie-neck blouse, viscose crêpe", _WOMENS),
    _Garment("KH", "Kids' hooded sweat, brushed back", _KIDS),
    _Garment("KP", "Kids' pyjama set, all-over print", _KIDS),
    _Garment("BB", "Baby bodysuit, pack of 3", _BABY),
)

_ONE_SIZE_GARMENTS = (
    _Garment("BN", "Ribbed beanie, lambswool", ("O/S",)),
    _Garment("SC", "Woven scarf, fringed ends", ("ONE SIZE",)),
    _Garment("TT", "Canvas tote, screen print", ("O/S",)),
)
