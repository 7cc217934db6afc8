UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET monday_subitem_id=CASE [ORDER_LIST_LINES_DELTA].delta_uuid WHEN ? THEN ? ... END WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].monday_subitem_id IS NULL) THEN ? ELSE ? END = ?;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid AS own, [ORDER_LIST_LINES_DELTA].monday_subitem_id AS monday_id, [ORDER_SYNC_SUBITEMS].subitem_id AS known_id, coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) AS created_at, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) THEN ? ELSE ? END AS is_off, [ORDER_SYNC_SUBITEMS].name, [ORDER_SYNC_SUBITEMS].written, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_SYNC_SUBITEMS].parent_item_id AS place
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_SYNC_SUBITEMS] ON [ORDER_SYNC_SUBITEMS].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...);

INSERT INTO [ORDER_SYNC_SUBITEMS] (line_uuid, record_uuid, board_id, subitem_id, parent_item_id, written_at, run_id) VALUES (?, ...);

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, monday_id) VALUES (?, ...);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].monday_subitem_id IS NULL) THEN ? ELSE ? END = ?) AS anon_1;
