SELECT rtrim([ORDER_LIST_DELTA].sync_state) AS state, count(*) AS rows, min([ORDER_LIST_DELTA].created_at) AS oldest, max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ?) GROUP BY rtrim([ORDER_LIST_DELTA].sync_state), CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000));

SELECT rtrim([ORDER_LIST_DELTA].sync_state) AS state, count(*) AS rows, min([ORDER_LIST_DELTA].created_at) AS oldest, max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer
FROM [ORDER_LIST_DELTA]
WHERE upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? AND [ORDER_LIST_DELTA].sync_completed_at >= ? GROUP BY rtrim([ORDER_LIST_DELTA].sync_state), CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000));

SELECT max([ORDER_LIST].[CUSTOMER NAME]) AS customer, anon_1.state, sum(anon_1.rows) AS rows, min(anon_1.oldest) AS oldest
FROM (SELECT rtrim([ORDER_LIST_LINES_DELTA].sync_state) AS state, count(*) AS rows, min([ORDER_LIST_LINES_DELTA].created_at) AS oldest, [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))), ?) != ?) GROUP BY rtrim([ORDER_LIST_LINES_DELTA].sync_state), [ORDER_LIST_LINES_DELTA].record_uuid) AS anon_1 LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = anon_1.record_uuid GROUP BY CAST([ORDER_LIST].[CUSTOMER NAME] AS VARBINARY(8000)), anon_1.state;

SELECT max([ORDER_LIST].[CUSTOMER NAME]) AS customer, anon_1.state, sum(anon_1.rows) AS rows, min(anon_1.oldest) AS oldest
FROM (SELECT rtrim([ORDER_LIST_LINES_DELTA].sync_state) AS state, count(*) AS rows, min([ORDER_LIST_LINES_DELTA].created_at) AS oldest, [ORDER_LIST_LINES_DELTA].record_uuid AS record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? AND [ORDER_LIST_LINES_DELTA].sync_completed_at >= ? GROUP BY rtrim([ORDER_LIST_LINES_DELTA].sync_state), [ORDER_LIST_LINES_DELTA].record_uuid) AS anon_1 LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = anon_1.record_uuid GROUP BY CAST([ORDER_LIST].[CUSTOMER NAME] AS VARBINARY(8000)), anon_1.state;
