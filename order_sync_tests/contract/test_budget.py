"""One budget for all runs of an account: what one of them takes, no other has."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from order_sync.monday.budget import UNKNOWN_QUOTA, Reported
from order_sync.sync.account_budget import AccountBudget
from order_sync_tests.contract.site import Site, set_clock

QUOTA = 10_000_000.0


def budget(site: Site, account: str = "a" * 32, *, clock_speed: float = 1.0) -> AccountBudget:
    shared = AccountBudget(site.database, site.tables, account=account, clock_speed=clock_speed)
    shared.share()
    return shared


def test_what_is_not_shared_leaves_the_database_alone(site: Site) -> None:
    alone = AccountBudget(site.database, site.tables, account="a" * 32)
    alone.settle(alone.reserve(30_000, 300, QUOTA), 9_000_000, Reported(left=1_000_000, ends_in=60))
    assert alone.left(QUOTA) == 1_000_000
    assert budget(site).reserve(30_000, 300, QUOTA).rows == 300


def test_two_runs_share_what_is_left(site: Site) -> None:
    first, second = budget(site), budget(site)
    assert first.reserve(30_000, 300, QUOTA).rows == 300
    assert second.reserve(30_000, 300, QUOTA).rows == 33
    wait = first.reserve(30_000, 1, QUOTA).wait_seconds
    assert 115 < wait <= 120  # monday has not yet reported when its minute ends
    assert second.left(QUOTA) == 10_000
    assert budget(site, "b" * 32).reserve(30_000, 300, QUOTA).rows == 300


def test_all_runs_share_what_monday_reports(site: Site) -> None:
    first, second = budget(site), budget(site)
    grant = first.reserve(30_000, 10, QUOTA)
    first.settle(grant, 100_000, Reported(left=60_000, ends_in=30))
    refused = second.reserve(30_000, 3, QUOTA, whole=True)
    assert refused.rows == 0
    assert 25 < refused.wait_seconds <= 30
    assert second.reserve(30_000, 3, QUOTA).rows == 2


def test_small_requests_share_points_taken_ahead(site: Site) -> None:
    first, second = budget(site), budget(site)
    first.reserve(30_000, 1, QUOTA)
    revision = site.row(site.tables.budgets)["revision"]
    assert [first.reserve(30_000, 5, QUOTA).rows for _ in range(3)] == [5, 5, 5]
    assert site.row(site.tables.budgets)["revision"] == revision
    assert second.reserve(30_000, 333, QUOTA).rows == 316  # no point is given twice: 500,000 are the first one's
    assert first.reserve(30_000, 5, QUOTA).rows == 1  # its last 20,000, and what the second could not use


def test_points_taken_ahead_are_released_at_the_end(site: Site) -> None:
    first, second = budget(site), budget(site)
    grant = first.reserve(30_000, 1, QUOTA)
    first.settle(grant, 30_000, Reported(left=QUOTA - 30_000, ends_in=60))
    first.close()
    assert second.reserve(30_000, 333, QUOTA).rows == 332


def test_a_first_share_is_taken_in_the_callers_transaction(site: Site) -> None:
    first, second = budget(site), budget(site)
    first.reserve(30_000, 333, QUOTA)
    site.change(site.tables.budgets, {"points_left": QUOTA}, account="a" * 32)

    def take(fails: bool) -> None:
        second.take_ahead(QUOTA)
        if fails:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        site.database.in_one_transaction(lambda: take(True))
    assert site.row(site.tables.budgets)["points_left"] == QUOTA
    site.database.in_one_transaction(lambda: take(False))
    row = site.row(site.tables.budgets)
    assert row["points_left"] == QUOTA - 500_000  # once, although it was taken twice
    assert second.reserve(30_000, 16, QUOTA).rows == 16
    assert site.row(site.tables.budgets)["revision"] == row["revision"]


def test_a_new_account_gets_its_row_with_a_request(site: Site) -> None:
    first = budget(site)
    site.database.in_one_transaction(lambda: first.take_ahead(QUOTA))
    assert site.rows(site.tables.budgets) == []
    assert first.reserve(30_000, 333, QUOTA).rows == 333


def test_a_run_that_winds_down_keeps_points_for_questions(site: Site) -> None:
    first, second = budget(site), budget(site)
    grant = first.reserve(30_000, 1, QUOTA)
    first.settle(grant, 30_000, Reported(left=QUOTA - 30_000, ends_in=115))
    first.wind_down(QUOTA)
    row = site.row(site.tables.budgets)
    assert row["points_left"] == QUOTA - 30_000 - 100_000
    assert [first.reserve(30_000, 1, QUOTA).rows for _ in range(3)] == [1, 1, 1]
    first.close()  # what is left of them is not worth a transaction
    assert site.row(site.tables.budgets) == row
    assert second.reserve(30_000, 333, QUOTA).rows == 329


def test_more_questions_than_expected_are_settled_at_the_end(site: Site) -> None:
    first, second = budget(site), budget(site)
    first.reserve(30_000, 1, QUOTA)
    first.wind_down(QUOTA)
    first.reserve(30_000, 100, QUOTA)
    first.close()
    assert second.reserve(30_000, 333, QUOTA).rows == 232


def test_what_another_run_has_taken_meanwhile_counts(site: Site) -> None:
    first, second = budget(site), budget(site)
    assert first.reserve(30_000, 150, QUOTA).rows == 150
    assert second.reserve(30_000, 150, QUOTA).rows == 150
    assert first.reserve(30_000, 150, QUOTA).rows == 33
    site.change(site.tables.budgets, {"points_left": 90_000, "revision": 7}, account="a" * 32)
    assert second.reserve(30_000, 150, QUOTA).rows == 3


def test_an_unreported_quota_is_unlimited(site: Site) -> None:
    first, second = budget(site), budget(site)
    assert first.reserve(30_000, 100, UNKNOWN_QUOTA).rows == 100
    assert second.reserve(30_000, 100, UNKNOWN_QUOTA).rows == 100


def test_a_clock_set_back_costs_one_minute_of_the_account(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = budget(site)
    first.settle(first.reserve(30_000, 333, QUOTA), 9_990_000, Reported(left=10_000, ends_in=60))
    set_clock(monkeypatch, timedelta(hours=-1))
    assert budget(site).reserve(30_000, 1, QUOTA).wait_seconds <= 120
    # And from then on it passes.
    assert (site.row(site.tables.budgets)["ends_at"] - site.now()).total_seconds() <= 120


def test_the_window_ends_by_the_databases_clock(site: Site) -> None:
    first = budget(site)
    first.settle(first.reserve(30_000, 333, QUOTA), 9_990_000, Reported(left=10_000, ends_in=60))
    row = site.row(site.tables.budgets)
    assert 55 < (row["ends_at"] - site.now()).total_seconds() <= 60
    site.change(site.tables.budgets, {"ends_at": site.now()}, account="a" * 32)
    assert first.reserve(30_000, 333, QUOTA).rows == 333


def test_on_a_faster_clock_the_window_is_as_much_shorter(site: Site) -> None:
    budget(site, clock_speed=60).reserve(30_000, 333, QUOTA)
    assert (site.row(site.tables.budgets)["ends_at"] - site.now()).total_seconds() <= 2
    wait = budget(site, clock_speed=60).reserve(30_000, 1, QUOTA).wait_seconds
    assert 0 < wait <= 120


def test_concurrent_runs_never_spend_the_same_points(site: Site) -> None:
    granted: list[int] = []
    started = threading.Barrier(4)

    def spend() -> None:
        mine = budget(site)
        started.wait()
        while rows := mine.reserve(30_000, 20, QUOTA).rows:
            granted.append(rows)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 333
    with site.database.read() as connection:
        assert connection.execute(sa.select(site.tables.budgets.c.points_left)).scalar_one() == 10_000
