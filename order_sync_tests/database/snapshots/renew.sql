SELECT [ORDER_LIST_DELTA].delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ? ORDER BY [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ? AND [ORDER_LIST_DELTA].sync_attempted_at < ?) AS anon_1;

UPDATE [ORDER_LIST_DELTA] SET sync_attempted_at=? WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1, count(CASE WHEN ([ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ?) THEN ? END) AS count_2
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ? ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ? AND [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?) AS anon_1;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_attempted_at=? WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1, count(CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?) THEN ? END) AS count_2
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;
