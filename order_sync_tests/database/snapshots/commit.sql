SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].sync_state, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_DELTA].monday_item_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?)))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off, (SELECT [ORDER_SYNC_ITEMS].board_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid) AS item_board_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES_DELTA].sync_state, coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND marker.of_version >= coalesce([ORDER_LIST_LINES_DELTA].created_at, ?))) OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) THEN ? ELSE ? END AS is_off, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) THEN ? ELSE ? END AS order_is_off, [ORDER_LIST_LINES].sync_state AS line_state, [ORDER_LIST_LINES].monday_subitem_id AS line_subitem_id, [ORDER_LIST_LINES].parent_item_id AS line_parent_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid LEFT OUTER JOIN [ORDER_LIST_LINES] ON [ORDER_LIST_LINES].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND [ORDER_LIST_LINES].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].created_at, [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT anon_1.record_uuid, anon_1.kind, anon_1.delta_uuid, anon_1.line_uuid, anon_1.sync_state, anon_1.action_type, anon_1.sync_error_message, anon_1.sync_run_id, anon_1.customer, anon_1.order_number, anon_1.leased, anon_1.cause
FROM (SELECT [ORDER_LIST_DELTA].record_uuid AS record_uuid, 'header' AS kind, [ORDER_LIST_DELTA].delta_uuid AS delta_uuid, CAST(NULL AS UNIQUEIDENTIFIER) AS line_uuid, CAST([ORDER_LIST_DELTA].sync_state AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_state, CAST([ORDER_LIST_DELTA].action_type AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS action_type, CAST([ORDER_LIST_DELTA].sync_error_message AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_error_message, CAST([ORDER_LIST_DELTA].sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_run_id, CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS customer, CAST([ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS order_number, CASE WHEN ([ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id > ? AND ([ORDER_LIST_DELTA].sync_run_id NOT IN (?)) AND [ORDER_LIST_DELTA].sync_attempted_at BETWEEN ? AND ?) THEN ? ELSE ? END AS leased, CASE WHEN (([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...))) THEN CASE WHEN ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) THEN ? WHEN ([ORDER_LIST_DELTA].delta_uuid IS NULL OR 0 = 1) THEN ? WHEN (NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) AND NOT ([ORDER_LIST_DELTA].action_type IN (?) OR ([ORDER_LIST_DELTA].action_type NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?)) AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_DELTA].record_uuid AND (newer.sync_state < ? OR newer.sync_state > ? OR (newer.sync_state IS NULL)) AND (newer.sync_state IN (?, ?) OR (newer.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(newer.sync_state))) IN (?, ?)) AND (newer.action_type IN (?, ...) OR upper(ltrim(rtrim(newer.action_type))) IN (?, ...)) AND (coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_DELTA].created_at, ?) OR coalesce(newer.created_at, ?) = coalesce([ORDER_LIST_DELTA].created_at, ?) AND newer.delta_uuid > [ORDER_LIST_DELTA].delta_uuid))) AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST]
WHERE [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid))) THEN ? WHEN ([ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id != ?) THEN ? END WHEN ([ORDER_LIST_DELTA].sync_state IS NULL OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) NOT IN (?, ...))) THEN ? WHEN ([ORDER_LIST_DELTA].action_type IS NULL OR ([ORDER_LIST_DELTA].action_type NOT IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) NOT IN (?, ...))) THEN ? WHEN (([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_DELTA].record_uuid AND (newer.sync_state < ? OR newer.sync_state > ? OR (newer.sync_state IS NULL)) AND (newer.sync_state IN (?, ?) OR (newer.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(newer.sync_state))) IN (?, ?)) AND (newer.action_type IN (?, ...) OR upper(ltrim(rtrim(newer.action_type))) IN (?, ...)) AND (coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_DELTA].created_at, ?) OR coalesce(newer.created_at, ?) = coalesce([ORDER_LIST_DELTA].created_at, ?) AND newer.delta_uuid > [ORDER_LIST_DELTA].delta_uuid)))) THEN ? END AS cause
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ?)) AS anon_1
WHERE anon_1.cause IS NOT NULL UNION ALL SELECT anon_2.record_uuid, anon_2.kind, anon_2.delta_uuid, anon_2.line_uuid, anon_2.sync_state, anon_2.action_type, anon_2.sync_error_message, anon_2.sync_run_id, anon_2.customer, anon_2.order_number, anon_2.leased, anon_2.cause
FROM (SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid, 'line' AS kind, [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid AS line_uuid, CAST([ORDER_LIST_LINES_DELTA].sync_state AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_state, CAST([ORDER_LIST_LINES_DELTA].action_type AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS action_type, CAST([ORDER_LIST_LINES_DELTA].sync_error_message AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_error_message, CAST([ORDER_LIST_LINES_DELTA].sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS sync_run_id, CAST([ORDER_LIST].[CUSTOMER NAME] AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS customer, CAST([ORDER_LIST].[AAG ORDER NUMBER] AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS order_number, CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id NOT IN (?)) AND [ORDER_LIST_LINES_DELTA].sync_attempted_at BETWEEN ? AND ?) THEN ? ELSE ? END AS leased, CASE WHEN (([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...))) THEN CASE WHEN ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1) THEN ? WHEN ([ORDER_LIST_LINES_DELTA].delta_uuid IS NULL OR 0 = 1 OR [ORDER_LIST_LINES_DELTA].line_uuid IS NULL OR 0 = 1) THEN ? WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id NOT IN (?)) AND [ORDER_LIST_LINES_DELTA].sync_attempted_at BETWEEN ? AND ?) THEN ? END WHEN ([ORDER_LIST_LINES_DELTA].sync_state IS NULL OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) NOT IN (?, ...))) THEN ? WHEN ([ORDER_LIST_LINES_DELTA].action_type IS NULL OR ([ORDER_LIST_LINES_DELTA].action_type NOT IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) NOT IN (?, ...))) THEN ? WHEN (([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ((EXISTS (SELECT *
FROM [ORDER_LIST_LINES_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid AND newer.line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND (newer.sync_state < ? OR newer.sync_state > ? OR (newer.sync_state IS NULL)) AND (newer.sync_state IN (?, ?) OR (newer.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(newer.sync_state))) IN (?, ?)) AND (newer.action_type IN (?, ...) OR upper(ltrim(rtrim(newer.action_type))) IN (?, ...)) AND (coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) OR coalesce(newer.created_at, ?) = coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) AND newer.delta_uuid > [ORDER_LIST_LINES_DELTA].delta_uuid))) OR (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS cancels
WHERE cancels.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid AND (cancels.sync_state < ? OR cancels.sync_state > ? OR (cancels.sync_state IS NULL)) AND (cancels.sync_state IN (?, ?) OR (cancels.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(cancels.sync_state))) IN (?, ?)) AND (cancels.action_type IN (?, ...) OR upper(ltrim(rtrim(cancels.action_type))) IN (?, ...)) AND (cancels.action_type IN (?) OR (cancels.action_type NOT IN (?, ?)) AND upper(ltrim(rtrim(cancels.action_type))) IN (?)) AND coalesce(cancels.created_at, ?) >= coalesce([ORDER_LIST_LINES_DELTA].created_at, ?))))) THEN ? END AS cause
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))), ?) != ?)) AS anon_2
WHERE anon_2.cause IS NOT NULL;

SELECT [ORDER_LIST_DELTA].delta_uuid AS [key], 'headers' AS [of]
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) GROUP BY [ORDER_LIST_DELTA].delta_uuid
HAVING count(*) > ? UNION ALL SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS [key], 'lines' AS [of]
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) GROUP BY [ORDER_LIST_LINES_DELTA].delta_uuid
HAVING count(*) > ? UNION ALL SELECT [ORDER_LIST_DELTA].record_uuid AS [key], 'orders' AS [of]
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) AND ([ORDER_LIST_DELTA].action_type IN (?) OR ([ORDER_LIST_DELTA].action_type NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?)) GROUP BY [ORDER_LIST_DELTA].record_uuid
HAVING count(*) > ? UNION ALL SELECT DISTINCT CAST(NULL AS UNIQUEIDENTIFIER) AS anon_1, 'nobody'
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) UNION ALL SELECT DISTINCT CAST(NULL AS UNIQUEIDENTIFIER) AS anon_1, 'nobody'
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT anon_1.record_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, CASE WHEN ([ORDER_LIST].record_uuid IS NULL) THEN ? ELSE ? END AS has_order, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS was
WHERE was.record_uuid = anon_1.record_uuid)) THEN ? ELSE ? END AS any_header, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS was
WHERE was.record_uuid = anon_1.record_uuid AND upper(ltrim(rtrim(was.sync_state))) = ?)) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = anon_1.record_uuid)) THEN ? ELSE ? END AS is_off
FROM (SELECT [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_LINES_DELTA].action_type IN (?) OR ([ORDER_LIST_LINES_DELTA].action_type NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?)) GROUP BY [ORDER_LIST_LINES_DELTA].record_uuid) AS anon_1 LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = anon_1.record_uuid
WHERE NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS of_order
WHERE of_order.record_uuid = anon_1.record_uuid AND (of_order.sync_state < ? OR of_order.sync_state > ? OR (of_order.sync_state IS NULL)) AND (of_order.sync_state IN (?, ...) OR (of_order.sync_state NOT IN (?)) AND upper(ltrim(rtrim(of_order.sync_state))) IN (?, ...)) AND (of_order.action_type IN (?, ...) OR upper(ltrim(rtrim(of_order.action_type))) IN (?, ...)))) AND [ORDER_LIST].monday_item_id IS NULL;

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_completed_at=?, sync_error_message=NULL WHERE [ORDER_LIST_DELTA].record_uuid IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ? AND ([ORDER_LIST_DELTA].monday_item_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?))));

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_completed_at=?, sync_error_message=NULL WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ? AND ([ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND marker.of_version >= coalesce([ORDER_LIST_LINES_DELTA].created_at, ?))) OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)));

UPDATE [ORDER_LIST] SET sync_state=?, monday_item_id=CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST].record_uuid)) THEN NULL ELSE coalesce((SELECT TOP 1 [ORDER_LIST_DELTA].monday_item_id
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid = [ORDER_LIST].record_uuid AND [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid), [ORDER_LIST].monday_item_id) END, last_synced_at=?, sync_error_message=NULL WHERE [ORDER_LIST].record_uuid IN (?, ...);

UPDATE [ORDER_LIST_LINES] SET sync_state=?, monday_subitem_id=NULL, parent_item_id=NULL, last_synced_at=? WHERE [ORDER_LIST_LINES].record_uuid IN (?);

UPDATE [ORDER_LIST_LINES] SET sync_state=?, monday_subitem_id=CASE [ORDER_LIST_LINES].line_uuid WHEN ? THEN ? ... END, parent_item_id=CASE [ORDER_LIST_LINES].line_uuid WHEN ? THEN ? ... END, last_synced_at=? WHERE [ORDER_LIST_LINES].line_uuid IN (?, ...);

SELECT (SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) AS anon_2) AS anon_1, (SELECT count(*) AS count_2
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) AS anon_4) AS anon_3, (SELECT count(*) AS count_3
FROM (SELECT [ORDER_LIST].record_uuid AS record_uuid
FROM [ORDER_LIST]
WHERE [ORDER_LIST].record_uuid IN (?, ...) AND [ORDER_LIST].sync_state = ? AND [ORDER_LIST].monday_item_id IS NOT NULL) AS anon_6) AS anon_5, (SELECT count(*) AS count_4
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA] JOIN [ORDER_LIST_LINES] ON [ORDER_LIST_LINES].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND [ORDER_LIST_LINES].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid AND [ORDER_LIST_LINES].monday_subitem_id >= [ORDER_LIST_LINES_DELTA].monday_subitem_id
WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES].sync_state = ? AND NOT ((EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)))) AS anon_8) AS anon_7;
