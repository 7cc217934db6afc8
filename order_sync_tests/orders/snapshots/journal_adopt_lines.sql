UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET monday_subitem_id=?, parent_item_id=? WHERE [ORDER_LIST_LINES_DELTA].record_uuid = ? AND [ORDER_LIST_LINES_DELTA].line_uuid = ? AND [ORDER_LIST_LINES_DELTA].action_type = ? AND [ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) AND [ORDER_LIST_LINES_DELTA].monday_subitem_id IS NULL;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?) AND [ORDER_LIST_LINES_DELTA].sync_state IN (?, ?);
