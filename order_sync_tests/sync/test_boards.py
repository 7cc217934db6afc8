"""How a run holds its boards: across its steps, never while it waits for another one, and not after an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import board_lease
from order_sync.database.entries import Operation, Unsettled
from order_sync.orders.errors import WriteLost
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.boards import Boards
from order_sync.sync.delivery import Manner
from order_sync_tests.contract.site import make_order
from order_sync_tests.sync.stage import Stage

OTHER = EMBEDDED_BOARD + 10


@pytest.fixture
def boards(stage: Stage) -> Iterator[Boards]:
    """Those of run-1: the embedded one, and another like it."""
    with stage.client() as client:
        boards = Boards(
            client=client,
            queue=stage.site.queue(),
            run_id="run-1",
            mapping=load_mapping(),
            manner=Manner(),
            journal=lambda board_id: stage.site.journal("run-1", board_id=board_id),
            unsettled=Unsettled,
        )
        boards.open([EMBEDDED_BOARD])
        one = boards.sites[EMBEDDED_BOARD]
        boards.sites[OTHER] = replace(one, board=replace(one.board, id=OTHER))
        yield boards


def taken(stage: Stage, board_id: int) -> str | None:
    """Who has the board after run-2 has tried to take it."""
    return stage.site.journal("run-2", board_id=board_id)._try_board()


def test_a_board_is_held_from_one_step_to_the_next(stage: Stage, boards: Boards) -> None:
    with boards.holding(EMBEDDED_BOARD), boards.holding(OTHER):
        pass
    assert (taken(stage, EMBEDDED_BOARD), taken(stage, OTHER)) == ("run-1", "run-1")
    boards.release()
    assert (taken(stage, EMBEDDED_BOARD), taken(stage, OTHER)) == (None, None)


def test_a_run_that_waits_for_a_board_holds_none(stage: Stage, boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = stage.site.journal("run-2", board_id=OTHER)
    with boards.holding(EMBEDDED_BOARD):
        pass
    rival.take()
    free: list[str | None] = []

    def rival_goes_on(_seconds: float) -> None:
        free.append(taken(stage, EMBEDDED_BOARD))
        rival.release()

    monkeypatch.setattr(board_lease, "sleep", rival_goes_on)
    with boards.holding(OTHER):
        assert free == [None]


def test_a_board_is_released_after_an_error(stage: Stage, boards: Boards) -> None:
    with pytest.raises(ZeroDivisionError), boards.holding(EMBEDDED_BOARD):
        raise ZeroDivisionError
    assert taken(stage, EMBEDDED_BOARD) is None


def test_requests_in_doubt_are_read_under_the_board_lease(stage: Stage, boards: Boards) -> None:
    holders: list[str | None] = []

    def look() -> Unsettled:
        holders.extend(stage.site.database.column(sa.select(stage.site.tables.boards.c.run_id)))
        return Unsettled()

    boards.unsettled = look
    assert boards.begin_step([], [EMBEDDED_BOARD]) == {}
    assert holders == ["run-1"]


def test_a_step_looks_again_only_for_lines_that_came_late(stage: Stage, boards: Boards) -> None:
    looks: list[None] = []

    def look() -> Unsettled:
        looks.append(None)
        return Unsettled()

    boards.unsettled = look
    boards.begin_step([{"title": "T"}], [EMBEDDED_BOARD])
    boards.begin_step([{"delta_uuid": "h", "board_id": EMBEDDED_BOARD}], [EMBEDDED_BOARD])
    boards.begin_step([{"delta_uuid": "l", "board_id": EMBEDDED_BOARD, "late": False}], [EMBEDDED_BOARD])
    assert len(looks) == 1
    boards.begin_step([{"delta_uuid": "l", "board_id": EMBEDDED_BOARD, "late": True}], [EMBEDDED_BOARD])
    assert len(looks) == 2
    boards.release()
    boards.begin_step([{"delta_uuid": "h", "board_id": EMBEDDED_BOARD}], [EMBEDDED_BOARD])
    assert len(looks) == 3


def test_what_was_left_open_after_the_look_is_resolved(stage: Stage, boards: Boards) -> None:
    boards.begin_step([], [])
    stage.crash(Operation.GROUPS, stage.wanted(Operation.GROUPS, 1), after=True)
    assert stage.journal().in_doubt()
    with boards.holding(EMBEDDED_BOARD):
        assert stage.journal().in_doubt() == []


@pytest.fixture
def one(boards: Boards) -> Boards:
    """The embedded board alone."""
    del boards.sites[OTHER]
    return boards


def reads(stage: Stage, boards: Boards) -> list[str]:
    """What is read of the database for the headers and the groups on the embedded board."""
    found: list[str] = []

    def note(_connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    with boards.holding(EMBEDDED_BOARD) as work:
        event.listen(stage.site.database.engine, "before_cursor_execute", note)
        try:
            assert work._known.headers() == stage.site.queue().held_headers("run-1")
            work._known.groups()
        finally:
            event.remove(stage.site.database.engine, "before_cursor_execute", note)
    return [statement for statement in found if statement.startswith("SELECT")][:-1]  # the last is the test's own


def test_what_the_items_need_is_read_with_the_lease(stage: Stage, one: Boards) -> None:
    order = make_order()
    stage.site.add(order)
    stage.site.claim("run-1", order)
    one.begin_step([], [EMBEDDED_BOARD])
    assert reads(stage, one) == []
    assert len(reads(stage, one)) == 2  # each answer is used once


@pytest.mark.parametrize(
    "found",
    [Unsettled(open={OTHER}), Unsettled(watched={OTHER})],
    ids=["a_request_is_open", "twins_may_turn_up"],
)
def test_nothing_is_read_ahead_while_others_may_write(stage: Stage, one: Boards, found: Unsettled) -> None:
    one.unsettled = lambda: found
    one._looked.add(OTHER)
    one.begin_step([], [EMBEDDED_BOARD])
    assert len(reads(stage, one)) == 2


def test_nothing_is_read_ahead_where_there_are_several_boards(stage: Stage, boards: Boards) -> None:
    boards.begin_step([], [EMBEDDED_BOARD])
    assert len(reads(stage, boards)) == 2


def test_a_board_that_is_taken_again_is_known_afresh(stage: Stage, one: Boards) -> None:
    one.begin_step([], [EMBEDDED_BOARD])
    one._held[EMBEDDED_BOARD].renewed_at = float("-inf")  # the run has slept
    order = make_order()
    stage.site.add(order)
    stage.site.claim("run-1", order)
    assert len(reads(stage, one)) == 2


def test_the_boards_are_released_with_the_last_look(stage: Stage, boards: Boards) -> None:
    with boards.holding(EMBEDDED_BOARD), boards.holding(OTHER):
        pass
    attempts: list[None] = []

    def look() -> str:
        attempts.append(None)
        if len(attempts) == 1:
            raise WriteLost("once")
        return "found"

    assert boards.release_after(stage.site.database, look) == "found"
    assert len(attempts) == 2
    assert (taken(stage, EMBEDDED_BOARD), taken(stage, OTHER)) == (None, None)


def test_a_last_look_that_fails_leaves_the_boards_held(stage: Stage, boards: Boards) -> None:
    with boards.holding(EMBEDDED_BOARD):
        pass
    with pytest.raises(ZeroDivisionError):
        boards.release_after(stage.site.database, lambda: 1 // 0)
    assert taken(stage, EMBEDDED_BOARD) == "run-1"
    boards.release()
    assert taken(stage, EMBEDDED_BOARD) is None


def test_a_run_that_renews_its_rows_knows_nothing_any_more(stage: Stage, one: Boards) -> None:
    one.begin_step([], [EMBEDDED_BOARD])
    one._rows_renewed_at = float("-inf")
    one.heartbeat()  # another run may have taken some of them meanwhile
    assert len(reads(stage, one)) == 2
