SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].sync_state, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_DELTA].monday_item_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?)))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off, (SELECT [ORDER_SYNC_ITEMS].board_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid) AS item_board_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].action_type, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].[AAG ORDER NUMBER], [ORDER_LIST_DELTA].[CUSTOMER NAME], [ORDER_LIST_DELTA].[PO NUMBER], [ORDER_LIST_DELTA].[CUSTOMER STYLE], [ORDER_LIST_DELTA].[STYLE DESCRIPTION], [ORDER_LIST_DELTA].[CUSTOMER COLOUR DESCRIPTION], [ORDER_LIST_DELTA].[ORDER TYPE], [ORDER_LIST_DELTA].[TOTAL QTY], [ORDER_LIST_DELTA].[ETA CUSTOMER WAREHOUSE DATE], [ORDER_LIST_DELTA].[FINAL FOB (USD)], [ORDER_LIST_DELTA].[GroupMonday], [ORDER_LIST_DELTA].row_hash, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].sync_run_id, [ORDER_LIST_DELTA].sync_attempted_at, [ORDER_LIST_DELTA].sync_completed_at, [ORDER_LIST_DELTA].sync_error_message, [ORDER_LIST_DELTA].retry_count, [ORDER_LIST_DELTA].created_at
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid = ?;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].action_type, [ORDER_LIST_LINES_DELTA].sync_state, [ORDER_LIST_LINES_DELTA].size_code, [ORDER_LIST_LINES_DELTA].qty, [ORDER_LIST_LINES_DELTA].row_hash, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES_DELTA].sync_run_id, [ORDER_LIST_LINES_DELTA].sync_attempted_at, [ORDER_LIST_LINES_DELTA].sync_completed_at, [ORDER_LIST_LINES_DELTA].sync_error_message, [ORDER_LIST_LINES_DELTA].retry_count, [ORDER_LIST_LINES_DELTA].created_at
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid = ?;

SELECT [ORDER_LIST_LINES].line_uuid
FROM [ORDER_LIST_LINES]
WHERE [ORDER_LIST_LINES].record_uuid = ? AND [ORDER_LIST_LINES].parent_item_id IN (?, ?);

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, monday_item_id=NULL, sync_run_id=NULL, sync_completed_at=NULL, sync_error_message=NULL WHERE [ORDER_LIST_DELTA].record_uuid = ? AND [ORDER_LIST_DELTA].monday_item_id IN (?, ?) AND [ORDER_LIST_DELTA].sync_state IN (?, ...);

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=NULL, sync_completed_at=NULL, sync_error_message=NULL WHERE [ORDER_LIST_DELTA].record_uuid = ? AND [ORDER_LIST_DELTA].sync_state = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, monday_subitem_id=NULL, parent_item_id=NULL, sync_run_id=NULL, sync_completed_at=NULL, sync_error_message=NULL WHERE [ORDER_LIST_LINES_DELTA].record_uuid = ? AND [ORDER_LIST_LINES_DELTA].parent_item_id IN (?, ?) AND [ORDER_LIST_LINES_DELTA].sync_state IN (?, ...);

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=NULL, sync_completed_at=NULL, sync_error_message=NULL WHERE [ORDER_LIST_LINES_DELTA].record_uuid = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?;

UPDATE [ORDER_LIST] SET sync_state=NULL, last_synced_at=NULL WHERE [ORDER_LIST].record_uuid = ?;

UPDATE [ORDER_LIST_LINES] SET sync_state=NULL, last_synced_at=NULL WHERE [ORDER_LIST_LINES].record_uuid = ?;

UPDATE [ORDER_LIST] SET monday_item_id=NULL WHERE [ORDER_LIST].record_uuid = ? AND [ORDER_LIST].monday_item_id IN (?, ?);

UPDATE [ORDER_LIST_LINES] SET sync_state=NULL, monday_subitem_id=NULL, parent_item_id=NULL, last_synced_at=NULL WHERE [ORDER_LIST_LINES].record_uuid = ? AND [ORDER_LIST_LINES].line_uuid IN (?, ...);

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, delta_uuid, operation, outcome, monday_id, message) VALUES (?, ...);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?) AND [ORDER_LIST_DELTA].sync_state = ?) AS anon_1;

DELETE FROM [ORDER_SYNC_ITEMS] WHERE [ORDER_SYNC_ITEMS].item_id IN (?, ?);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_SYNC_ITEMS].item_id AS item_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].item_id IN (?, ?)) AS anon_1;

DELETE FROM [ORDER_SYNC_SUBITEMS] WHERE [ORDER_SYNC_SUBITEMS].parent_item_id IN (?, ?);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_SYNC_SUBITEMS].parent_item_id AS parent_item_id
FROM [ORDER_SYNC_SUBITEMS]
WHERE [ORDER_SYNC_SUBITEMS].parent_item_id IN (?, ?)) AS anon_1;

DELETE FROM [ORDER_SYNC_EDITS] WHERE [ORDER_SYNC_EDITS].record_uuid = ?;
