SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid, [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].action_type = ? AND ([ORDER_LIST_DELTA].sync_state = ? OR [ORDER_LIST_DELTA].sync_state = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ? OR [ORDER_LIST_DELTA].sync_run_id IN (NULL) AND (1 != 1))) AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ?)) AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id IS NOT NULL AND ([ORDER_LIST_DELTA].sync_run_id NOT IN (NULL) OR (1 = 1)) AND [ORDER_LIST_DELTA].sync_attempted_at >= ?))) AS anon_1;
