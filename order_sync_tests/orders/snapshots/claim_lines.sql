UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=?, sync_attempted_at=?, sync_error_message=NULL WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ? OR [ORDER_LIST_LINES_DELTA].sync_run_id IN (NULL) AND (1 != 1)))) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND (upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) = ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ? OR [ORDER_LIST_LINES_DELTA].sync_run_id IN (NULL) AND (1 != 1)))) THEN ? ELSE ? END = ? AND ([ORDER_LIST_LINES_DELTA].sync_run_id IS NULL OR [ORDER_LIST_LINES_DELTA].sync_run_id != ?)) AS anon_1;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].sync_run_id = ?;
