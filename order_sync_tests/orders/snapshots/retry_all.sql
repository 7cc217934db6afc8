UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=?, sync_error_message=? WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=?, sync_error_message=? WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ?;
