SELECT DISTINCT [ORDER_SYNC_EDITS].key_uuid
FROM [ORDER_SYNC_EDITS]
WHERE [ORDER_SYNC_EDITS].board_id = ?;

UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

DELETE FROM [ORDER_SYNC_EDITS] WHERE [ORDER_SYNC_EDITS].key_uuid IN (?, ?);

INSERT INTO [ORDER_SYNC_EDITS] (key_uuid, column_id, record_uuid, board_id, monday_id, on_board, not_written, seen_at, run_id) VALUES (?, ...);

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, monday_id, message) VALUES (?, ...);
