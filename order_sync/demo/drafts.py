"""In: a size, and a generator of random numbers.
Out: one draft per order: its group, the number of its headers and lines, and its twist.
Never: a row; samples.py writes those."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from order_sync.demo.words import CUSTOMERS, PROGRAMMES, SEASONS


class Size(StrEnum):
    SMALL = "small"  # one customer: quick to watch
    BUSY = "busy"  # a busy run of 34 customers


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The numbers of a size. Headers and lines count INSERT rows; updates and deletes are extra."""

    customers: int
    groups: int
    headers: int
    lines: int
    bad_headers: int  # of each of the three kinds
    bad_lines: int
    updates: int
    deletes: int


PLANS = {
    Size.SMALL: _Plan(customers=1, groups=5, headers=69, lines=317, bad_headers=1, bad_lines=1, updates=2, deletes=1),
    Size.BUSY: _Plan(
        customers=34, groups=127, headers=7_405, lines=34_012, bad_headers=4, bad_lines=5, updates=14, deletes=6
    ),
}


class Twist(Enum):
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


REASONS = {
    Twist.LONG_NAME: "item name longer than 255 characters",
    Twist.UNKNOWN_TYPE: "order type without a label on the board",
    Twist.NO_NAME: "no style, colour, order number or PO number, so its item has no name",
    Twist.BLANK_SIZE: "line without size_code",
}
_BAD_HEADERS = (Twist.LONG_NAME, Twist.UNKNOWN_TYPE, Twist.NO_NAME)
_LINES = {Twist.NO_LINES: 0, Twist.ONE_SIZE: 1, Twist.BLANK_SIZE: 5}  # any other order has 2 to 9

# Share of all orders, and the minimum number.
_SHARES = {
    Twist.NO_LINES: (0.004, 2),
    Twist.ONE_SIZE: (0.05, 2),
    Twist.NO_COLOUR: (0.03, 2),
    Twist.NO_PO: (0.05, 2),
    Twist.ALIAS: (0.03, 2),
    Twist.SAME_ORDER_NUMBER: (0.04, 2),
    Twist.ODD_TEXT: (0.02, 7),
}


class Says(Enum):
    """The column that gives an order's group."""

    TITLE = auto()  # GroupMonday
    SEASON = auto()  # GroupMonday is blank; CUSTOMER SEASON
    AAG_SEASON = auto()  # GroupMonday and CUSTOMER SEASON are blank; AAG SEASON
    CUSTOMER = auto()  # all three are blank


@dataclass(frozen=True)
class Group:
    """A group of the board; `season` is None if no order of the group has one."""

    customer: str
    title: str
    season: str | None

    def says(self, position: int) -> Says:
        if self.season is None:
            return Says.CUSTOMER
        if self.title != f"{self.customer} {self.season}":
            return Says.TITLE
        return _SEASON_CYCLE[position % len(_SEASON_CYCLE)]


_SEASON_CYCLE = (Says.TITLE, Says.SEASON, Says.TITLE, Says.AAG_SEASON, *[Says.TITLE] * 5)


@dataclass
class Draft:
    """One record_uuid before its rows are written."""

    group: Group
    says: Says
    headers: int = 1
    lines: int = 0
    twist: Twist | None = None


def make_drafts(plan: _Plan, rng: random.Random) -> list[Draft]:
    """All record_uuids of a plan, in the order in which they were created."""
    drafts: list[Draft] = []
    candidates: list[Draft] = []  # for a rejection: orders with one header, not alone in their group
    sizes = _headers_of_records(plan.headers, rng)
    groups = _groups(plan, rng)
    weights = [rng.uniform(0.3, 3.0) if group.season else 0.1 for group in groups]
    remaining = iter(sizes)
    for group, count in zip(groups, _split(len(sizes), weights, minimum=3), strict=True):
        for position, headers in enumerate(itertools.islice(remaining, count)):
            drafts.append(Draft(group, group.says(position), headers))
            if position > 0 and headers == 1:
                candidates.append(drafts[-1])
    _reject(plan, _spread(candidates, rng))
    _twist(drafts, rng)
    _count_lines(drafts, plan.lines, rng)
    rng.shuffle(drafts)
    return drafts


def _headers_of_records(headers: int, rng: random.Random) -> list[int]:
    """The number of headers of each record_uuid: mostly one, sometimes two or three."""
    triples, doubles = headers // 60, headers // 30
    sizes = [3] * triples + [2] * doubles + [1] * (headers - 3 * triples - 2 * doubles)
    rng.shuffle(sizes)
    return sizes


def _groups(plan: _Plan, rng: random.Random) -> list[Group]:
    """One group per customer and season; with four or more also one without a season and one by title."""
    groups = []
    customers = CUSTOMERS[: plan.customers]
    weights = [rng.uniform(0.5, 1.5) for _ in customers]
    for customer, count in zip(customers, _split(plan.groups, weights, minimum=2), strict=True):
        if count >= 4:
            programme = f"{customer} - {rng.choice(PROGRAMMES)}"
            groups += [Group(customer, customer, None), Group(customer, programme, rng.choice(SEASONS))]
            count -= 2
        seasons = rng.sample(SEASONS, count)
        groups += [Group(customer, f"{customer} {season}", season) for season in seasons]
    return groups


def _reject(plan: _Plan, candidates: Iterator[Draft]) -> None:
    for twist in _BAD_HEADERS:
        for draft in itertools.islice(candidates, plan.bad_headers):
            draft.twist = twist
    for draft in itertools.islice(candidates, plan.bad_lines):
        draft.twist = Twist.BLANK_SIZE


def _spread(drafts: list[Draft], rng: random.Random) -> Iterator[Draft]:
    """In random order, but every customer's first before any customer's second."""
    seen: Counter[str] = Counter()
    ranked = []
    for draft in rng.sample(drafts, len(drafts)):
        ranked.append((seen[draft.group.customer], draft))
        seen[draft.group.customer] += 1
    return (draft for _, draft in sorted(ranked, key=lambda pair: pair[0]))


def _twist(drafts: list[Draft], rng: random.Random) -> None:
    good = [draft for draft in drafts if draft.twist is None]
    remaining = iter(rng.sample(good, len(good)))
    for twist, (share, at_least) in _SHARES.items():
        for draft in itertools.islice(remaining, max(at_least, round(share * len(drafts)))):
            draft.twist = twist


def _count_lines(drafts: list[Draft], lines: int, rng: random.Random) -> None:
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
