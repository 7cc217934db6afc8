"""PyPI's `monday-api-python-sdk`, the vendor's: up to four attempts a call, as it comes."""

from __future__ import annotations

import json
from typing import Any

from monday_sdk import MondayClient, graphql_handler

from order_sync.settings import EMBEDDED_BOARD


class MondaySdk:
    def __init__(self, url: str, token: str) -> None:
        # The address is a constant of the package: there is no documented way to another one.
        graphql_handler.API_URL = url
        self._client = MondayClient(token=token)

    def create_group(self, title: str) -> str:
        # It has no call for groups; this is its documented way to send a query of one's own.
        query = f"mutation {{ create_group(board_id: {EMBEDDED_BOARD}, group_name: {json.dumps(title)}) {{ id }} }}"
        return _id(self._client.custom.execute_custom_query(query), "create_group")

    def create_item(self, group_id: str, name: str, values: dict[str, Any]) -> str:
        answer = self._client.items.create_item(
            board_id=EMBEDDED_BOARD,
            group_id=group_id,
            item_name=name,
            column_values=values,
            create_labels_if_missing=True,
        )
        return _id(answer, "create_item")

    def create_subitem(self, parent_id: str, name: str, values: dict[str, Any]) -> str:
        answer = self._client.items.create_subitem(parent_item_id=parent_id, subitem_name=name, column_values=values)
        return _id(answer, "create_subitem")

    def change(self, board_id: int, item_id: str, values: dict[str, Any]) -> str:
        answer = self._client.items.change_multiple_column_values(
            board_id=board_id, item_id=item_id, column_values=values, create_labels_if_missing=True
        )
        return _id(answer, "change_multiple_column_values")


def _id(answer: Any, field: str) -> str:
    return str(answer.response_data["data"][field]["id"])
