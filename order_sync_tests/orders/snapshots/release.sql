UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=? WHERE [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=? WHERE [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?;
