"""Values of every type, from the site's tables through the mapping to monday and back, planned and sent.

The board has a column of each type that a mapping may name; what stands there is read over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa

from order_sync.cli import launch
from order_sync.demo.board import board_seed
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.orders.mapping import ColumnType, load_mapping
from order_sync.orders.states import Action, State
from order_sync_tests.contract.site import make_order
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.graph.stage import Record, Stage, stage_in
from order_sync_tests.graph.test_changes import add_item, before_mutation, items, monday
from order_sync_tests.graph.test_odd_orders import again, queued
from order_sync_tests.graph.test_plan import planned_then_done

COLUMN = '[[{place}.columns]]\nsource = "{source}"\ncolumn = "{column}"\ntype = "{type}"\n{more}\n'
MORE = {
    "status": 'labels = ["Sample", "Other"]',
    "dropdown": 'labels = ["SS27"]\nnew_labels = true',
    "checkbox": 'edits = "keep"',
}
UTC = "a_date_in_utc"

# The value of each column in the order's row, of any type that a site may use, and what the board shows.
ORDERS: list[dict[str, tuple[Any, str | None]]] = [
    {
        "text": (0.1 + 0.2, "0.3"),
        "long_text": (12.0, "12"),
        "numbers": (0.1 + 0.2, "0.3"),
        "status": ("sample", "Sample"),
        "dropdown": ("ss27 ", "SS27"),
        "date": ("2026-11-24 23:30:00.0000000 -05:00", "2026-11-24"),
        UTC: ("2026-11-24 23:30:00.0000000 -05:00", "2026-11-25"),
        "link": (" https://shop.example/a", "https://shop.example/a"),
        "checkbox": ("N", ""),
    },
    {
        "text": (" as it is ", " as it is "),
        "long_text": ("line\nline", "line\nline"),
        "numbers": ("1 234.50", "1234.5"),
        "status": (" SAMPLE", "Sample"),
        "dropdown": ("Autumn \u00c9", "Autumn \u00c9"),
        "date": ("2026-11-24T08:30:00", "2026-11-24"),
        UTC: ("2026-11-24", "2026-11-24"),
        "link": ("https://shop.example/b?c=1", "https://shop.example/b?c=1"),
        "checkbox": (" yes", "v"),
    },
    {
        "text": ("Café".encode(), "Café"),
        "long_text": (-0.0, "0"),
        "numbers": (-0.0, "0"),
        "status": ("Other", "Other"),
        "dropdown": ("AUTUMN E\u0301 ", "Autumn \u00c9"),
        "date": (20261124, "2026-11-24"),
        UTC: (None, ""),
        "link": ("mailto:somebody@shop.example", "mailto:somebody@shop.example"),
        "checkbox": (1, "v"),
    },
    {
        "text": ("  ", ""),
        "long_text": (None, ""),
        "numbers": ("", ""),
        "status": (None, None),
        "dropdown": (" ", None),
        "date": (None, ""),
        UTC: ("", ""),
        "link": (None, ""),
        "checkbox": (" ", ""),
    },
]
TYPES = {column: "date" if column == UTC else column for column in ORDERS[0]}


@pytest.fixture(scope="module")
def typed_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    """A board with a column of each type, and the mapping that it is made from."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    more = MORE | {UTC: 'zone = "utc"'}
    text = "".join(
        COLUMN.format(place="items", source=f"V {column}", column=column, type=kind, more=more.get(column, ""))
        for column, kind in TYPES.items()
    )
    text += COLUMN.format(
        place="subitems", source="size_code", column="size", type="dropdown", more="new_labels = true"
    )
    path.write_text(text, encoding="utf-8")
    with start_emulator(EmulatorSettings(boards=(board_seed(load_mapping(path)),))) as process:
        yield process, path


@pytest.fixture
def typed(typed_board: tuple[Emulator, Path], tmp_path: Path) -> Iterator[Stage]:
    """A stage on that board, whose ORDER_LIST has the columns without a type: each value stays what it is."""
    process, path = typed_board
    with stage_in(tmp_path, process, Record.IN_MEMORY, ORDER_SYNC_MAPPING=str(path)) as stage:
        for column in TYPES:
            stage.execute(sa.text(f'ALTER TABLE "ORDER_LIST" DROP COLUMN "V {column}"'))
            stage.execute(sa.text(f'ALTER TABLE "ORDER_LIST" ADD COLUMN "V {column}"'))
        yield stage


def add(stage: Stage, orders: list[dict[str, tuple[Any, str | None]]], *, lines: int = 1) -> list[str]:
    """The orders with their values; returns their keys."""
    keys = []
    for minute, values in enumerate(orders):
        order = make_order(number=f"A-{minute}", lines=lines, minute=minute, columns={"GroupMonday": "Elm"})
        stage.add(order)
        given = {f"V {column}": value for column, (value, _) in values.items()}
        names = ", ".join(f'"{name}" = :v{n}' for n, name in enumerate(given))
        update = sa.text(f'UPDATE "ORDER_LIST" SET {names} WHERE record_uuid = :record')  # noqa: S608 - names of ours
        values_of = {f"v{n}": value for n, value in enumerate(given.values())}
        stage.execute(update.bindparams(record=order.orders[0]["record_uuid"], **values_of))
        keys.append(order.headers[0]["record_uuid"])
    return keys


def change(stage: Stage, record: str, **values: Any) -> None:
    """The order with other values, queued once more."""
    names = ", ".join(f'"V {column}" = :{column}' for column in values)
    text = sa.text(f'UPDATE "ORDER_LIST" SET {names} WHERE record_uuid = :record')  # noqa: S608 - names of ours
    stage.execute(text.bindparams(record=record, **values))
    table = stage.tables.header_queue
    header = stage.rows(table, table.c.record_uuid == record)[0]
    stage.add(queued(headers=[again(header, action_type=Action.UPDATE, sync_state=State.NEW)]))


def standing(stage: Stage, keys: list[str]) -> list[dict[str, str | None]]:
    """The texts of the typed columns, as monday shows them, in the order of the keys."""
    by_key = {item["columns"]["record_uuid"]: item_id for item_id, item in items(stage).items()}
    with Monday(stage.emulator.url) as board:
        cells = [board.cells(by_key[key]) for key in keys]
    return [{column: of[column]["text"] for column in TYPES} for of in cells]


def test_every_type_of_a_mapping_is_tried() -> None:
    assert set(TYPES.values()) == set(get_args(ColumnType))
    assert all(order.keys() == TYPES.keys() for order in ORDERS)


def test_values_of_every_type_arrive_as_people_read_them(typed: Stage) -> None:
    keys = add(typed, ORDERS)
    planned_then_done(typed)
    assert standing(typed, keys) == [{column: text for column, (_, text) in order.items()} for order in ORDERS]
    labels = {column["id"]: set(column["labels"]) for column in typed.board()["columns"]}
    assert (labels["status"], labels["dropdown"]) == ({"Sample", "Other"}, {"SS27", "Autumn \u00c9"})


def test_values_of_every_type_arrive_by_a_file_as_well(typed: Stage) -> None:
    """A new label of the dropdown cannot, nor can a tick: these rows are created one by one."""
    orders = ORDERS * 10
    keys = add(typed, orders, lines=0)
    settings = typed.settings.model_copy(update={"bulk_rows": 10, "clock_speed": 60})
    typed.emulator.configure(limits={"complexity_per_minute": 300_000}, clock_speed=60)
    try:
        assert launch.sync(settings).complete
    finally:
        typed.emulator.configure(limits={"complexity_per_minute": 10_000_000}, clock_speed=1)
    assert len([r for r in typed.mutations() if "ingest_items" in str(r["operations"])]) == 1
    assert standing(typed, keys) == [{column: text for column, (_, text) in order.items()} for order in orders]
    labels = {column["id"]: set(column["labels"]) for column in typed.board()["columns"]}
    assert (labels["status"], labels["dropdown"]) == ({"Sample", "Other"}, {"SS27", "Autumn \u00c9"})


def test_a_plan_shows_values_as_people_read_them(typed: Stage) -> None:
    """As the board will, but for a tick."""
    keys = add(typed, ORDERS, lines=0)
    sent = {row.record_uuid: dict(row.sent) for row in launch.plan(typed.settings).rows if row.record_uuid in keys}
    for key, order in zip(keys, ORDERS, strict=True):
        expected = {column: "yes" if text == "v" else text for column, (_, text) in order.items() if text}
        assert {column: text for column, text in sent[key].items() if column in TYPES} == expected


@pytest.mark.parametrize(
    ("first", "edit", "later", "shown"),
    [
        (1, None, [0], ""),
        (0, None, [1], "v"),
        (0, "v", [0], "v"),  # the order's value has not changed
        (1, "", [0, 1], ""),  # an edit that the order agreed with for a while
        (0, "v", [1, 0], "v"),
    ],
)
def test_a_tick_follows_its_order_until_somebody_edits_it(
    typed: Stage, first: int, edit: str | None, later: list[int], shown: str
) -> None:
    [key] = add(typed, [{"checkbox": (first, None)}])
    typed.sync()
    assert standing(typed, [key])[0]["checkbox"] == ("v" if first else "")
    if edit is not None:
        [item_id] = [item_id for item_id, item in items(typed).items() if item["columns"]["record_uuid"] == key]
        typed.emulator.person.edit(item_id, "checkbox", edit)
    for value in later:
        change(typed, key, checkbox=value, text=f"now {value}")
        planned_then_done(typed)
    [found] = standing(typed, [key])
    assert (found["checkbox"], found["text"]) == (shown, f"now {later[-1]}")


REFUSED = {
    "numbers": ("1,234", "the comma may separate thousands or decimals"),
    "status": ("Smaple", "nearest: 'Sample'"),
    "date": ("24.11.2026", "it is not a date"),
    UTC: ("9999-12-31T23:30-05:00", "in UTC it is outside the range of dates"),
    "long_text": ("x" * 2_001, "long_text allows 2000 characters"),
    "checkbox": ("perhaps", "it is neither yes nor no"),
}


def test_plan_and_run_reject_a_value_of_the_wrong_type(typed: Stage) -> None:
    add(typed, [{column: (value, None)} for column, (value, _) in REFUSED.items()])
    plan, summary = planned_then_done(typed)
    assert summary.orders_synced == 0
    reasons = [row.reason or "" for row in plan.rejected]
    for column, (value, reason) in REFUSED.items():
        [message] = [each for each in reasons if f" column '{column}' (V {column}) does not accept" in each]
        assert value[:60] in message
        assert reason in message


def test_a_label_added_during_the_run_is_known(typed: Stage) -> None:
    """Somebody adds it to the subitems' board after the run has read that board."""
    text = """mutation ($p: ID!, $v: JSON) { create_subitem(
        parent_item_id: $p, item_name: "X", column_values: $v, create_labels_if_missing: true) { id } }"""

    def somebody_adds_labels() -> None:
        monday(typed, text, p=add_item(typed, "Somebody's"), v='{"size": {"labels": ["s0"]}}')

    add(typed, ORDERS[:1], lines=2)
    with before_mutation("create_item", 1, somebody_adds_labels):
        assert typed.sync().complete
    subitems = next(board for board in typed.emulator.state()["boards"] if board["id"] != str(typed.settings.board_id))
    labels = {column["id"]: set(column["labels"]) for column in subitems["columns"]}
    assert labels["size"] == {"s0", "S1"}
