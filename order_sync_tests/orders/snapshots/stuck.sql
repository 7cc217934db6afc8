SELECT max(anon_1.customer) AS customer, anon_1.run_id, count(*) AS rows, min(anon_1.since) AS since
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid, [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, [ORDER_LIST_DELTA].sync_run_id AS run_id, [ORDER_LIST_DELTA].sync_attempted_at AS since
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].action_type = ? AND ([ORDER_LIST_DELTA].sync_state = ? OR [ORDER_LIST_DELTA].sync_state = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ? OR [ORDER_LIST_DELTA].sync_run_id IN (NULL) AND (1 != 1))) AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ?)) AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id IS NOT NULL AND ([ORDER_LIST_DELTA].sync_run_id NOT IN (NULL) OR (1 = 1)) AND [ORDER_LIST_DELTA].sync_attempted_at >= ?)) AND [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id IS NOT NULL) AS anon_1 GROUP BY CAST(anon_1.customer AS VARBINARY(8000)), anon_1.run_id;

SELECT max(anon_1.customer) AS customer, anon_1.run_id, count(*) AS rows, min(anon_1.since) AS since
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid AS line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_LINES_DELTA].record_uuid IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].action_type = ? AND [ORDER_LIST_DELTA].sync_state IN (?, ...))) THEN ? ELSE ? END AS late, [ORDER_LIST_LINES_DELTA].sync_run_id AS run_id, [ORDER_LIST_LINES_DELTA].sync_attempted_at AS since
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].action_type = ? AND ([ORDER_LIST_LINES_DELTA].sync_state = ? OR [ORDER_LIST_LINES_DELTA].sync_state = ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ? OR [ORDER_LIST_LINES_DELTA].sync_run_id IN (NULL) AND (1 != 1))) AND ([ORDER_LIST_LINES_DELTA].record_uuid NOT IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ?)) AND ([ORDER_LIST_LINES_DELTA].record_uuid IN (SELECT [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].action_type = ? AND [ORDER_LIST_DELTA].sync_state IN (?, ...)) OR [ORDER_LIST].monday_item_id IS NOT NULL) AND [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id IS NOT NULL) AS anon_1
WHERE anon_1.late = ? GROUP BY CAST(anon_1.customer AS VARBINARY(8000)), anon_1.run_id;
