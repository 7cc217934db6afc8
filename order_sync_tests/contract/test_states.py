"""Rows as they are before a run, on each database."""

from __future__ import annotations

from order_sync.database.states import HeaderState, LineState, header_states, line_states
from order_sync_tests.contract.site import Site, make_order, new_uuid


def test_headers_and_lines_are_told_with_their_rows_in_the_main_tables(site: Site) -> None:
    order = make_order(number="A-1", lines=2)
    site.add(order)
    [header] = order.headers
    states = header_states(site.database, site.tables, [header["delta_uuid"], new_uuid()])
    assert states == {
        header["delta_uuid"]: HeaderState(
            sync_state="NEW", monday_group_id=None, monday_item_id=None, order_state=None, order_item_id=None
        )
    }
    lines = line_states(site.database, site.tables, [line["delta_uuid"] for line in order.lines])
    assert set(lines) == {line["delta_uuid"] for line in order.lines}
    assert lines[order.lines[0]["delta_uuid"]] == LineState(
        order_number="A-1",
        sync_state="PENDING",
        monday_subitem_id=None,
        parent_item_id=None,
        line_state=None,
        line_subitem_id=None,
        line_parent_id=None,
        order_state=None,
        order_item_id=None,
    )


def test_more_rows_than_a_statement_has_parameters(site: Site) -> None:
    keys = [new_uuid() for _ in range(2_500)]
    assert header_states(site.database, site.tables, keys) == {}
    assert line_states(site.database, site.tables, keys) == {}
