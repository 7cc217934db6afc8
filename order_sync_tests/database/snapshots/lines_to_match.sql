SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].sync_state, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_DELTA].monday_item_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?)))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off, (SELECT [ORDER_SYNC_ITEMS].board_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid) AS item_board_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_LINES].line_uuid, [ORDER_LIST_LINES].record_uuid, [ORDER_LIST_LINES].size_code, [ORDER_LIST_LINES].qty, [ORDER_SYNC_SUBITEMS].subitem_id
FROM [ORDER_LIST_LINES] LEFT OUTER JOIN [ORDER_SYNC_SUBITEMS] ON [ORDER_SYNC_SUBITEMS].line_uuid = [ORDER_LIST_LINES].line_uuid
WHERE [ORDER_LIST_LINES].record_uuid IN (?, ...);
