"""Values on the board that are no longer as they were last written, column by column: an edit, or drift.

In: items and subitems as a board shows them, and what is on record of them. Out: a `Finding` for each that differs.
Pure. Where the mapping keeps edits it is people's; elsewhere the order system's value was overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from order_sync.database.written import OnRecord
from order_sync.monday.item_values import same_text, shows
from order_sync.monday.labels import Labels
from order_sync.monday.placed import BoardItem, BoardSubitem
from order_sync.orders.mapping import BoardMap, ColumnMapping
from order_sync.sync.compare import Finding, Kind


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How values are compared: the mapping, and the labels of the board and of the one of its subitems."""

    mapping: ColumnMapping
    labels: Labels
    subitem_labels: Labels


def drifted(
    board_id: int, items: Iterable[BoardItem], on_record: Mapping[str, OnRecord], wanted: Wanted
) -> Iterator[Finding]:
    """The values of one page that differ; `on_record` is by record_uuid and by line_uuid."""
    for item in items:
        of = item.record_uuid
        found = Finding(kind=Kind.DRIFTED, what="", record_uuid=of, key=of, monday_id=item.id, board_id=board_id)
        yield from _differing(item, on_record.get(of), wanted.mapping.items, wanted.labels, found)
        for subitem in item.subitems:
            mine = replace(found, key=subitem.key, monday_id=subitem.id)
            of_line = on_record.get(subitem.key)
            yield from _differing(subitem, of_line, wanted.mapping.subitems, wanted.subitem_labels, mine)


def _differing(
    shown: BoardItem | BoardSubitem, last: OnRecord | None, mapping: BoardMap, labels: Labels, found: Finding
) -> Iterator[Finding]:
    if last is None or last.id != shown.id:
        return  # nothing is on record, or of another one, which compare.py reports
    of = f"{'item' if found.is_of_item else 'subitem'} {shown.id} of order {found.record_uuid}"
    if last.name is not None and not same_text(shown.name, last.name):
        kind = Kind.DRIFTED if mapping.name.edits == "overwrite" else Kind.EDITED
        yield replace(found, kind=kind, what=f"{of} has the name '{shown.name}', not '{last.name}'")
    for column in mapping.columns:
        if last.values is None or (column.column not in last.values and not shown.texts[column.column]):
            continue
        sent, text = last.values.get(column.column), shown.texts[column.column]
        if shows(column, sent, text, labels) or (sent is None and column.edits != "overwrite"):
            continue
        kind = Kind.DRIFTED if column.edits == "overwrite" else Kind.EDITED
        wrote = "nothing" if sent is None else json.dumps(sent, ensure_ascii=False)
        yield replace(found, kind=kind, what=f"{of} has '{text}' in {column.column}, and {wrote} was written")
