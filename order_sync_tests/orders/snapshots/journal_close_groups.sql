UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

UPDATE [ORDER_SYNC_JOURNAL] SET body=?, state=?, run_id=?, closed_at=? WHERE [ORDER_SYNC_JOURNAL].idempotency_key = ? AND [ORDER_SYNC_JOURNAL].state = ?;

SELECT [ORDER_SYNC_GROUPS].group_id
FROM [ORDER_SYNC_GROUPS]
WHERE [ORDER_SYNC_GROUPS].board_id = ?;

INSERT INTO [ORDER_SYNC_GROUPS] (board_id, group_id, title, created_at) VALUES (?, ...);
