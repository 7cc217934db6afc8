UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

INSERT INTO [ORDER_SYNC_JOURNAL] (idempotency_key, board_id, operation, keys, body, state, run_id, opened_at, sent_at) VALUES (?, ...);

SELECT [ORDER_SYNC_BOARDS].run_id AS holder, [ORDER_SYNC_BOARDS].leased_until, [ORDER_SYNC_JOURNAL].state, [ORDER_SYNC_JOURNAL].run_id
FROM [ORDER_SYNC_BOARDS] LEFT OUTER JOIN [ORDER_SYNC_JOURNAL] ON [ORDER_SYNC_JOURNAL].idempotency_key = ?
WHERE [ORDER_SYNC_BOARDS].board_id = ?;
