"""Links from assets to their code: only to an address that is known, and to the lines of this version."""

from __future__ import annotations

import pytest

from order_sync.assets import monday, queue
from order_sync.assets.code_links import with_code_links
from order_sync.database.tables import make_tables


def test_an_asset_links_to_its_lines_of_this_version() -> None:
    external = queue.external_queues(make_tables())
    items, *queues = with_code_links([monday.monday_items, *external], "https://github.com/example/order_sync", "1.2.3")
    (reference,) = items.metadata_by_key[items.key]["dagster/code_references"].code_references
    assert reference.url.startswith("https://github.com/example/order_sync/tree/v1.2.3/order_sync/assets/monday.py#L")
    assert [each.key for each in queues] == [each.key for each in external]


@pytest.mark.parametrize("url", [None, "https://git.site.example/order_sync"])
def test_an_unknown_address_gives_no_links(url: str | None) -> None:
    assets = [monday.monday_items]
    assert with_code_links(assets, url, "1.2.3") is assets
