UPDATE [ORDER_SYNC_BOARDS] SET run_id=?, leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;
