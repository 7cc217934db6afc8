SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].action_type, CASE WHEN ([ORDER_LIST_DELTA].sync_state IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) NOT IN (?, ...))) THEN ? ELSE ? END AS no_state
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ? AND ([ORDER_LIST_DELTA].sync_state IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) NOT IN (?, ...)) OR [ORDER_LIST_DELTA].action_type IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) NOT IN (?, ...)));

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND ([ORDER_LIST_DELTA].delta_uuid IS NULL OR 0 = 1);

SELECT [ORDER_LIST_DELTA].delta_uuid AS [key]
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? GROUP BY [ORDER_LIST_DELTA].delta_uuid
HAVING count(*) > ?;

SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND [ORDER_LIST_DELTA].delta_uuid IN (?);

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_DELTA].sync_error_message
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ?;

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_DELTA].sync_run_id
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id > ? AND ([ORDER_LIST_DELTA].sync_run_id NOT IN (NULL) OR (1 = 1)) AND [ORDER_LIST_DELTA].sync_attempted_at BETWEEN ? AND ?;

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].sync_state, [ORDER_LIST_LINES_DELTA].action_type, CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) NOT IN (?, ...))) THEN ? ELSE ? END AS no_state
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))), ?) != ? AND ([ORDER_LIST_LINES_DELTA].sync_state IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) NOT IN (?, ...)) OR [ORDER_LIST_LINES_DELTA].action_type IS NULL OR (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) NOT IN (?, ...)));

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].line_uuid
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND ([ORDER_LIST_LINES_DELTA].delta_uuid IS NULL OR 0 = 1 OR [ORDER_LIST_LINES_DELTA].line_uuid IS NULL OR 0 = 1);

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS [key]
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? GROUP BY [ORDER_LIST_LINES_DELTA].delta_uuid
HAVING count(*) > ?;

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].sync_error_message
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ?;

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].sync_run_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id NOT IN (NULL) OR (1 = 1)) AND [ORDER_LIST_LINES_DELTA].sync_attempted_at BETWEEN ? AND ?;

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST]
WHERE [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid));

SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, CASE WHEN ([ORDER_LIST].record_uuid IS NULL) THEN ? ELSE ? END AS has_order, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS was
WHERE was.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) THEN ? ELSE ? END AS any_header, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS was
WHERE was.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid AND upper(ltrim(rtrim(was.action_type))) = ? AND upper(ltrim(rtrim(was.sync_state))) = ?)) THEN ? ELSE ? END AS done
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND NOT ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1) AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS of_order
WHERE of_order.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid AND (of_order.sync_state < ? OR of_order.sync_state > ? OR (of_order.sync_state IS NULL)) AND upper(ltrim(rtrim(of_order.sync_state))) IN (?, ...) AND upper(ltrim(rtrim(of_order.action_type))) = ?)) AND [ORDER_LIST].monday_item_id IS NULL;
