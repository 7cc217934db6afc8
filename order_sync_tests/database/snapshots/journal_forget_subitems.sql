UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, monday_id) VALUES (?, ...);

UPDATE [ORDER_LIST_LINES_DELTA] SET monday_subitem_id=NULL WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL) THEN ? ELSE ? END = ?) AS anon_1;

DELETE FROM [ORDER_SYNC_SUBITEMS] WHERE [ORDER_SYNC_SUBITEMS].subitem_id IN (?, ...);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_SYNC_SUBITEMS].subitem_id AS subitem_id
FROM [ORDER_SYNC_SUBITEMS]
WHERE [ORDER_SYNC_SUBITEMS].subitem_id IN (?, ...)) AS anon_1;
