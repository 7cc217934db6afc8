UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_error_message=CASE [ORDER_LIST_LINES_DELTA].delta_uuid WHEN ? THEN ? END, retry_count=([ORDER_LIST_LINES_DELTA].retry_count + ?) WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, code, message, request_id) VALUES (?, ...);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?) AS anon_1;
