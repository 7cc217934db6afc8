UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_error_message=?, retry_count=([ORDER_LIST_LINES_DELTA].retry_count + ?) WHERE [ORDER_LIST_LINES_DELTA].delta_uuid = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?;

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, monday_id, code, message, request_id, idempotency_key, payload) VALUES (?, ...);
