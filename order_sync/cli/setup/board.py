"""In: the answers about monday.
Out: settings with a token that works and a board that can take orders.
Never: a change to a board without consent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.access import monday
from order_sync.cli.output.console import TextTable, console
from order_sync.cli.setup.ask import Asker, Question
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import BoardMap, ColumnMapping
from order_sync.orders.monday_faults import MondayFault
from order_sync.settings import Settings, load_settings
from order_sync.text.counted import counted
from order_sync.text.sentence import as_sentence

if TYPE_CHECKING:
    from order_sync.monday.account import ListedBoard
    from order_sync.monday.board import Board
    from order_sync.monday.client import MondayClient

BOARDS_SHOWN = 15
NEW = "new "  # before the name of a board that is to be created


@dataclass(frozen=True, kw_only=True)
class ChosenBoard:
    """The board and that of its subitems, with the column of the keys on each, and the ids of columns just created."""

    board: Board
    subitems: Board
    keys: dict[str, str]  # "items" and "subitems"


def ask_token(asker: Asker, settings: Settings, *, given: str | None, present: str | None, url: str | None) -> Settings:
    """The settings with a token that monday accepts, of a user that may write."""
    from order_sync.monday.account import token_user

    def use(token: str) -> Settings:
        answers = {"monday_token": token, "monday_url": url}
        made = load_settings(checked=False, **overrides(settings) | {k: v for k, v in answers.items() if v})
        with monday(made) as client:
            user = token_user(client)
            if user.problem:
                raise ConfigurationError(as_sentence(user.problem), MondayFault.TOKEN)
            warning = client.api_version.warning if client.api_version else None
        console.print(f"[green]ok[/]  the token belongs to {escape(str(user))}")
        if warning:
            console.print(f"[yellow]note[/]  {escape(warning)}")
        return made

    text = "monday API token (monday: your picture > Developers > API access tokens)"
    return asker.answer(Question(text=text, flag="--token", given=given, present=present, secret=True), use)


def ask_board(
    asker: Asker,
    client: MondayClient,
    mapping: ColumnMapping,
    *,
    given: str | None,
    new: str | None,
    present: str | None,
) -> int:
    """The id of a board that orders can be written to; one with every column of the mapping is created on request."""
    from order_sync.monday.account import list_boards

    listed = list_boards(client) if given is None and new is None else []
    shown = _matching(listed, "")
    if asker.asks:
        _print_boards(shown, len(listed))

    def use(answer: str) -> int:
        nonlocal shown
        if answer.lower().startswith(NEW):
            made = _create(client, answer[len(NEW) :].strip(), mapping)
            asker.made.append(f"board {made}")
            return made
        if answer.isdecimal() and 0 < int(answer) <= len(shown):
            return _usable(client, shown[int(answer) - 1].id)
        if answer.isdecimal():
            return _usable(client, int(answer))
        if not (found := _matching(listed, answer)):
            raise ConfigurationError(f"No board is called '{answer}'.", SettingsFault.ANSWER)
        if len(found) == 1:
            return _usable(client, found[0].id)
        shown = found
        _print_boards(shown, len(found))
        raise ConfigurationError(
            f"{counted(len(found), 'board')} have this in their name: choose one by its number.", SettingsFault.ANSWER
        )

    question = Question(
        text="Board (number, id, a part of its name, or `new NAME` to create one)",
        flag="--board or --new-board",
        given=f"{NEW}{new}" if new else given,
        present=present,
    )
    return asker.answer(question, use)


def complete(
    asker: Asker, client: MondayClient, board_id: int, mapping: ColumnMapping, *, may_add: bool | None
) -> ChosenBoard:
    """Adds what every board needs and this one lacks: the column of the subitems, and those of the keys."""
    from order_sync.monday.board import read_board
    from order_sync.monday.setup import KEY_TITLES, add_key_column, add_subitems
    from order_sync.monday.suggest import find_key

    board = read_board(client, board_id)
    subitems = read_board(client, board.subitem_board_id) if board.subitem_board_id else None
    places: Sequence[tuple[str, BoardMap, Board | None]]
    places = (("items", mapping.items, board), ("subitems", mapping.subitems, subitems))
    keys = {
        name: find_key(of.columns.values() if of else (), known, KEY_TITLES.get(known.key_column, ""))
        for name, known, of in places
    }
    lacking = ["the column of the subitems"] if subitems is None else []
    lacking += [f"a text column for {what}" for name, what in KEYS.items() if not keys[name]]
    if lacking:
        text = f"order_sync needs {' and '.join(lacking)} on this board. Add now?"
        if not asker.agrees(text, "--add-columns", may_add):
            raise ConfigurationError(
                f"The board lacks {' and '.join(lacking)}: add it on monday, then run setup again.", MondayFault.MAPPING
            )
        asker.made.append(f"{' and '.join(lacking)} on board {board_id}")
    subitem_id = subitems.id if subitems else add_subitems(client, board_id)
    for name, known, where in (("items", mapping.items, board_id), ("subitems", mapping.subitems, subitem_id)):
        if not keys[name]:
            keys[name] = add_key_column(client, where, known.key_column)
    return ChosenBoard(
        board=read_board(client, board_id),
        subitems=read_board(client, subitem_id),
        keys={name: key for name, key in keys.items() if key},
    )


KEYS = {"items": "the order's record_uuid", "subitems": "the line's line_uuid"}


def overrides(settings: Settings) -> dict[str, object]:
    """What the settings were given so far, to make others from them."""
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def _usable(client: MondayClient, board_id: int) -> int:
    from order_sync.monday.account import view_only
    from order_sync.monday.board import check_supported, read_board

    board = read_board(client, board_id)
    check_supported(board)
    if problem := view_only(client, board):
        raise ConfigurationError(as_sentence(problem), MondayFault.TOKEN)
    console.print(f"[green]ok[/]  board {board_id}: {escape(board.name)}")
    return board_id


def _create(client: MondayClient, name: str, mapping: ColumnMapping) -> int:
    from order_sync.monday.setup import make_board

    if not name:
        raise ConfigurationError("Write the name of the new board after `new`.", SettingsFault.ANSWER)
    made = make_board(client, name, mapping)
    console.print(f"[green]ok[/]  created board {made.id}: {escape(name)}")
    return made.id


def _matching(boards: Sequence[ListedBoard], text: str) -> list[ListedBoard]:
    """Those with the text in their name, what can be written to first."""
    found = [board for board in boards if text.casefold() in board.name.casefold()]
    return sorted(found, key=lambda board: not board.may_write)


def _print_boards(boards: Sequence[ListedBoard], count: int) -> None:
    table = TextTable(title="Boards that the token sees", title_justify="left")
    for heading in ("", "board", "name", "items", ""):
        table.add_column(heading, justify="right" if heading in ("", "items") else "left")
    for number, board in enumerate(boards[:BOARDS_SHOWN], start=1):
        note = "" if board.may_write else "view only"
        table.add_row(str(number), str(board.id), escape(board.name), f"{board.items:,}", note)
    console.print(table)
    if count > BOARDS_SHOWN:
        console.print(f"... and {count - BOARDS_SHOWN:,} more: type a part of the name.")
