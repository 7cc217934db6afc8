SELECT max([ORDER_LIST_DELTA].[CUSTOMER NAME]) AS customer, [ORDER_LIST_DELTA].sync_state AS state, count([ORDER_LIST_DELTA].monday_item_id) AS on_board, count(DISTINCT [ORDER_LIST_DELTA].monday_item_id) AS made, count(*) AS rows, min([ORDER_LIST_DELTA].created_at) AS oldest
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? GROUP BY CAST([ORDER_LIST_DELTA].[CUSTOMER NAME] AS VARBINARY(8000)), [ORDER_LIST_DELTA].sync_state;

SELECT max([ORDER_LIST].[CUSTOMER NAME]) AS customer, [ORDER_LIST_LINES_DELTA].sync_state AS state, count([ORDER_LIST_LINES_DELTA].monday_subitem_id) AS on_board, count(DISTINCT [ORDER_LIST_LINES_DELTA].monday_subitem_id) AS made, count(*) AS rows, min([ORDER_LIST_LINES_DELTA].created_at) AS oldest
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? GROUP BY CAST([ORDER_LIST].[CUSTOMER NAME] AS VARBINARY(8000)), [ORDER_LIST_LINES_DELTA].sync_state;
