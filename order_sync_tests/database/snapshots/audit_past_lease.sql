SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].sync_run_id AS run_id, [ORDER_LIST_LINES_DELTA].sync_attempted_at AS since
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? AND ([ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?) ORDER BY [ORDER_LIST_LINES_DELTA].sync_attempted_at, [ORDER_LIST_LINES_DELTA].delta_uuid;
