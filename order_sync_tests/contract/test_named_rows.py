"""Named rows with their states, and those of their rows in the main tables, on each database."""

from __future__ import annotations

from order_sync_tests.contract.site import Site, make_order, new_uuid


def test_named_rows_say_how_queue_and_main_tables_have_them(site: Site) -> None:
    order = make_order(number="A-1", lines=2)
    site.add(order)
    main = {"sync_state": "SYNCED", "monday_item_id": 7}
    site.change(site.tables.orders, main, record_uuid=order.headers[0]["record_uuid"])
    line = order.lines[0]["line_uuid"]
    site.change(
        site.tables.order_lines, {"sync_state": "SYNCED", "monday_subitem_id": 71, "parent_item_id": 7}, line_uuid=line
    )
    [header] = site.queue().headers([order.headers[0]["delta_uuid"], new_uuid()])
    states = {"sync_state": "NEW", "monday_item_id": None, "order_state": "SYNCED", "order_item_id": 7}
    assert header.items() >= states.items()
    rows = {row["line_uuid"]: row for row in site.queue().lines([row["delta_uuid"] for row in order.lines])}
    queued = {"sync_state": "PENDING", "queued_subitem_id": None, "queued_parent_id": None}
    of_line = {"line_state": "SYNCED", "line_subitem_id": 71, "line_parent_id": 7, "monday_subitem_id": 71}
    of_order = {"order_number": "A-1", "order_state": "SYNCED"}
    assert rows[line].items() >= (queued | of_line | of_order).items()
    assert rows[order.lines[1]["line_uuid"]].items() >= (queued | {"line_state": None} | of_order).items()


def test_more_rows_than_a_statement_has_parameters(site: Site) -> None:
    keys = [new_uuid() for _ in range(2_500)]
    assert site.queue().headers(keys) == []
    assert site.queue().lines(keys) == []
