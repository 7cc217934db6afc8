SELECT max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer, count(DISTINCT [ORDER_LIST_DELTA].record_uuid) AS orders, min([ORDER_LIST_DELTA].created_at) AS oldest
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT anon_1.record_uuid
FROM (SELECT [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].created_at AS created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state IN (?) AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, [ORDER_LIST_LINES_DELTA].created_at AS created_at
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?) AND [ORDER_LIST_LINES_DELTA].action_type = ?) AS anon_1)) AND ([ORDER_LIST_DELTA].record_uuid NOT IN (SELECT anon_2.record_uuid
FROM (SELECT [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].created_at AS created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ?) AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, [ORDER_LIST_LINES_DELTA].created_at AS created_at
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) AND [ORDER_LIST_LINES_DELTA].action_type = ?) AS anon_2)) AND [ORDER_LIST_DELTA].sync_run_id = ? GROUP BY CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000));

SELECT max(anon_1.customer) AS customer, count(*) AS orders, min(anon_1.oldest) AS oldest
FROM (SELECT anon_2.record_uuid AS record_uuid, coalesce(max([ORDER_LIST].[CUSTOMER NAME]), (SELECT max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS max_1
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid = anon_2.record_uuid)) AS customer, min(anon_2.created_at) AS oldest
FROM (SELECT [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].created_at AS created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ?) AND [ORDER_LIST_DELTA].action_type = ? AND [ORDER_LIST_DELTA].sync_run_id = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, [ORDER_LIST_LINES_DELTA].created_at AS created_at
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) AND [ORDER_LIST_LINES_DELTA].action_type = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id = ?) AS anon_2 LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = anon_2.record_uuid
WHERE (anon_2.record_uuid NOT IN (SELECT anon_3.record_uuid
FROM (SELECT [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].created_at AS created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state IN (?) AND [ORDER_LIST_DELTA].action_type = ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, [ORDER_LIST_LINES_DELTA].created_at AS created_at
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?) AND [ORDER_LIST_LINES_DELTA].action_type = ?) AS anon_3)) GROUP BY anon_2.record_uuid) AS anon_1 GROUP BY CAST(anon_1.customer AS VARBINARY(8000));

SELECT coalesce([ORDER_LIST_DELTA].[CUSTOMER NAME], [ORDER_LIST].[CUSTOMER NAME]) AS customer, coalesce([ORDER_LIST_DELTA].[AAG ORDER NUMBER], [ORDER_LIST].[AAG ORDER NUMBER]) AS order_number, NULL AS size, [ORDER_LIST_DELTA].monday_item_id AS item_id, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].sync_error_message AS reason, [ORDER_LIST_DELTA].retry_count AS tries, coalesce([ORDER_SYNC_LOG].run_id, [ORDER_LIST_DELTA].sync_run_id) AS run_id, [ORDER_SYNC_LOG].logged_at AS rejected_at, [ORDER_SYNC_LOG].code, [ORDER_SYNC_LOG].request_id, [ORDER_SYNC_LOG].board_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid LEFT OUTER JOIN [ORDER_SYNC_LOG] ON [ORDER_SYNC_LOG].log_id = (SELECT max(logged.log_id) AS max_1
FROM [ORDER_SYNC_LOG] AS logged
WHERE logged.delta_uuid = [ORDER_LIST_DELTA].delta_uuid AND logged.outcome = ?)
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? AND [ORDER_LIST_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].size_code AS size, coalesce([ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST].monday_item_id) AS item_id, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].sync_error_message AS reason, [ORDER_LIST_LINES_DELTA].retry_count AS tries, coalesce([ORDER_SYNC_LOG].run_id, [ORDER_LIST_LINES_DELTA].sync_run_id) AS run_id, [ORDER_SYNC_LOG].logged_at AS rejected_at, [ORDER_SYNC_LOG].code, [ORDER_SYNC_LOG].request_id, [ORDER_SYNC_LOG].board_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid LEFT OUTER JOIN [ORDER_SYNC_LOG] ON [ORDER_SYNC_LOG].log_id = (SELECT max(logged.log_id) AS max_1
FROM [ORDER_SYNC_LOG] AS logged
WHERE logged.delta_uuid = [ORDER_LIST_LINES_DELTA].delta_uuid AND logged.outcome = ?)
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_LINES_DELTA].created_at, [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT [ORDER_SYNC_LOG].run_id, min([ORDER_SYNC_LOG].logged_at) AS began, max([ORDER_SYNC_LOG].logged_at) AS ended, count(DISTINCT [ORDER_SYNC_LOG].delta_uuid) AS rows, sum(CASE WHEN ([ORDER_SYNC_LOG].outcome = ?) THEN ? ELSE ? END) AS created, sum(CASE WHEN ([ORDER_SYNC_LOG].outcome = ?) THEN ? ELSE ? END) AS adopted, sum(CASE WHEN ([ORDER_SYNC_LOG].outcome = ?) THEN ? ELSE ? END) AS rejected, sum(CASE WHEN ([ORDER_SYNC_LOG].outcome = ?) THEN ? ELSE ? END) AS unsettled
FROM [ORDER_SYNC_LOG]
WHERE [ORDER_SYNC_LOG].run_id = ? AND [ORDER_SYNC_LOG].run_id != ? GROUP BY [ORDER_SYNC_LOG].run_id ORDER BY began DESC;
