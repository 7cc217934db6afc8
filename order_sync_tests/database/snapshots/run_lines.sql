SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES_DELTA].sync_state, coalesce([ORDER_LIST_LINES_DELTA].created_at, ?) AS created_at, CASE WHEN ([ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND marker.of_version >= coalesce([ORDER_LIST_LINES_DELTA].created_at, ?))) OR (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid))) THEN ? ELSE ? END AS done, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) THEN ? ELSE ? END AS is_off, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) THEN ? ELSE ? END AS order_is_off, [ORDER_LIST_LINES].sync_state AS line_state, [ORDER_LIST_LINES].monday_subitem_id AS line_subitem_id, [ORDER_LIST_LINES].parent_item_id AS line_parent_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid LEFT OUTER JOIN [ORDER_LIST_LINES] ON [ORDER_LIST_LINES].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND [ORDER_LIST_LINES].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ? ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].created_at, [ORDER_LIST_LINES_DELTA].delta_uuid;
