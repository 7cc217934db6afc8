SELECT 'header' AS row, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, CAST([ORDER_LIST_DELTA].sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS run_id, [ORDER_LIST_DELTA].sync_attempted_at AS since
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id > ? AND ([ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ?) UNION ALL SELECT 'line' AS row, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, CAST([ORDER_LIST_LINES_DELTA].sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS run_id, [ORDER_LIST_LINES_DELTA].sync_attempted_at AS since
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? AND ([ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?);
