SELECT upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) AS action, count(*) AS rows, min(CAST([ORDER_LIST_DELTA].record_uuid AS VARCHAR(36))) AS sample
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ? AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ?) GROUP BY upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) ORDER BY upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type)));

SELECT upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) AS action, count(*) AS rows, min(CAST([ORDER_LIST_LINES_DELTA].record_uuid AS VARCHAR(36))) AS sample
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))), ?) != ? AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ?) GROUP BY upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) ORDER BY upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type)));
