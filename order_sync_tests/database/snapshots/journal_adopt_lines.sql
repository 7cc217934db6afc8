UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].line_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?) AND ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?) OR ([ORDER_LIST_LINES_DELTA].action_type NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?)) AND [ORDER_LIST_LINES_DELTA].monday_subitem_id IS NULL;
