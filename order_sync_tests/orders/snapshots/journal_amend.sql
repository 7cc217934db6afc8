UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

UPDATE [ORDER_SYNC_JOURNAL] SET body=?, sent_at=? WHERE [ORDER_SYNC_JOURNAL].idempotency_key = ?;
