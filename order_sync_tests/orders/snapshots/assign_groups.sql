UPDATE [ORDER_LIST_DELTA] SET monday_group_id=? WHERE [ORDER_LIST_DELTA].delta_uuid = ? AND [ORDER_LIST_DELTA].sync_run_id = ?;
