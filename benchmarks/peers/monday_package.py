"""PyPI's `monday`: it has no retry, so a call that fails has failed."""

from __future__ import annotations

from typing import Any

from monday import MondayClient
from monday.resources import base

from order_sync.settings import EMBEDDED_BOARD


class MondayPackage:
    def __init__(self, url: str, token: str) -> None:
        # The address is a constant of the package: there is no documented way to another one.
        base._URLS["prod"] = url
        self._client = MondayClient(token)

    def create_group(self, title: str) -> str:
        answer = self._client.groups.create_group(EMBEDDED_BOARD, title)
        return str(answer["data"]["create_group"]["id"])

    def create_item(self, group_id: str, name: str, values: dict[str, Any]) -> str:
        answer = self._client.items.create_item(
            EMBEDDED_BOARD, group_id, name, column_values=values, create_labels_if_missing=True
        )
        return str(answer["data"]["create_item"]["id"])

    def create_subitem(self, parent_id: str, name: str, values: dict[str, Any]) -> str:
        answer = self._client.items.create_subitem(parent_id, name, column_values=values)
        return str(answer["data"]["create_subitem"]["id"])

    def change(self, board_id: int, item_id: str, values: dict[str, Any]) -> str:
        answer = self._client.items.change_multiple_column_values(
            board_id, item_id, values, create_labels_if_missing=True
        )
        return str(answer["data"]["change_multiple_column_values"]["id"])
