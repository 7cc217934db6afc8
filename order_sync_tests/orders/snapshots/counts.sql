SELECT max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer, upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) AS state, count(*) AS rows, min([ORDER_LIST_DELTA].created_at) AS oldest
FROM [ORDER_LIST_DELTA]
WHERE upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ? GROUP BY CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000)), upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state)));

SELECT max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer, upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) AS state, count(*) AS rows, min([ORDER_LIST_DELTA].created_at) AS oldest
FROM [ORDER_LIST_DELTA]
WHERE upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? AND [ORDER_LIST_DELTA].sync_completed_at >= ? GROUP BY CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000)), upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state)));

SELECT max([ORDER_LIST].[CUSTOMER NAME]) AS customer, upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) AS state, count(*) AS rows, min([ORDER_LIST_LINES_DELTA].created_at) AS oldest
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))), ?) != ? GROUP BY CAST([ORDER_LIST].[CUSTOMER NAME] AS VARBINARY(8000)), upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state)));

SELECT max([ORDER_LIST].[CUSTOMER NAME]) AS customer, upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) AS state, count(*) AS rows, min([ORDER_LIST_LINES_DELTA].created_at) AS oldest
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? AND [ORDER_LIST_LINES_DELTA].sync_completed_at >= ? GROUP BY CAST([ORDER_LIST].[CUSTOMER NAME] AS VARBINARY(8000)), upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state)));
