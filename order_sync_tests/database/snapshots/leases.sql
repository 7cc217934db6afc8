SELECT [ORDER_LIST_DELTA].sync_run_id AS run_id, count(*) AS rows
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].sync_run_id > ? GROUP BY [ORDER_LIST_DELTA].sync_run_id;

SELECT [ORDER_LIST_LINES_DELTA].sync_run_id AS run_id, count(*) AS rows
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id > ? GROUP BY [ORDER_LIST_LINES_DELTA].sync_run_id;
