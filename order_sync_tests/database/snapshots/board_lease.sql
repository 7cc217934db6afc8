UPDATE [ORDER_SYNC_BOARDS] SET run_id=?, leased_until=?, name=?, url=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND ([ORDER_SYNC_BOARDS].run_id IS NULL OR [ORDER_SYNC_BOARDS].run_id = ? OR [ORDER_SYNC_BOARDS].leased_until <= ?);

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

INSERT INTO [ORDER_SYNC_BOARDS] (board_id) VALUES (?);

UPDATE [ORDER_SYNC_BOARDS] SET run_id=?, leased_until=?, name=?, url=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id IS NULL;
