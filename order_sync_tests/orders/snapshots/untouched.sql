SELECT [ORDER_LIST_DELTA].action_type AS action, count(*) AS rows, min(CAST([ORDER_LIST_DELTA].record_uuid AS VARCHAR(36))) AS sample
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].action_type != ? AND [ORDER_LIST_DELTA].sync_state != ? GROUP BY [ORDER_LIST_DELTA].action_type ORDER BY [ORDER_LIST_DELTA].action_type;

SELECT [ORDER_LIST_LINES_DELTA].action_type AS action, count(*) AS rows, min(CAST([ORDER_LIST_LINES_DELTA].record_uuid AS VARCHAR(36))) AS sample
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].action_type != ? AND [ORDER_LIST_LINES_DELTA].sync_state != ? GROUP BY [ORDER_LIST_LINES_DELTA].action_type ORDER BY [ORDER_LIST_LINES_DELTA].action_type;
