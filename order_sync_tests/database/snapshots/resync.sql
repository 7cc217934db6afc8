SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].sync_state, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_DELTA].monday_item_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?)))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off, (SELECT [ORDER_SYNC_ITEMS].board_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid) AS item_board_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid AS own, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].sync_run_id, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid AS own, [ORDER_LIST_LINES_DELTA].sync_state, [ORDER_LIST_LINES_DELTA].sync_run_id, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid = ? ORDER BY [ORDER_LIST_LINES_DELTA].created_at, [ORDER_LIST_LINES_DELTA].delta_uuid;

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, monday_item_id=NULL, sync_run_id=NULL, sync_completed_at=NULL WHERE [ORDER_LIST_DELTA].delta_uuid = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, monday_subitem_id=NULL, sync_run_id=NULL, sync_completed_at=NULL WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...);

UPDATE [ORDER_LIST] SET sync_state=NULL, last_synced_at=NULL WHERE [ORDER_LIST].record_uuid = ?;

UPDATE [ORDER_SYNC_ITEMS] SET written=NULL WHERE [ORDER_SYNC_ITEMS].record_uuid = ?;

UPDATE [ORDER_LIST_LINES] SET sync_state=NULL, last_synced_at=NULL WHERE [ORDER_LIST_LINES].line_uuid IN (?, ...);

UPDATE [ORDER_SYNC_SUBITEMS] SET written=NULL WHERE [ORDER_SYNC_SUBITEMS].line_uuid IN (?, ...);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid = ? AND [ORDER_LIST_DELTA].sync_state != ?) AS anon_1;
