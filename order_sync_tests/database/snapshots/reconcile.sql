SELECT TOP 10000 [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_state = ? AND ([ORDER_LIST_DELTA].sync_completed_at IS NULL OR [ORDER_LIST_DELTA].sync_completed_at < ?) AND [ORDER_LIST_DELTA].sync_completed_at >= ? AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) AND ([ORDER_LIST].sync_state IS NULL OR [ORDER_LIST].sync_state != ? OR NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS of_order
WHERE of_order.record_uuid = [ORDER_LIST_DELTA].record_uuid AND of_order.monday_item_id = [ORDER_LIST].monday_item_id))) ORDER BY [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid;

SELECT TOP 10000 [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES].sync_state AS line_state, [ORDER_LIST_LINES].monday_subitem_id AS line_subitem_id, [ORDER_LIST_LINES].parent_item_id AS line_parent_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST_LINES] ON [ORDER_LIST_LINES].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND [ORDER_LIST_LINES].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND ([ORDER_LIST_LINES_DELTA].sync_completed_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_completed_at < ?) AND [ORDER_LIST_LINES_DELTA].sync_completed_at >= ? AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) AND ([ORDER_LIST_LINES].sync_state IS NULL OR [ORDER_LIST_LINES].sync_state != ? OR coalesce([ORDER_LIST_LINES].monday_subitem_id, ?) != [ORDER_LIST_LINES_DELTA].monday_subitem_id OR coalesce([ORDER_LIST_LINES].parent_item_id, ?) != [ORDER_LIST_LINES_DELTA].parent_item_id) ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].line_uuid;

SELECT [ORDER_SYNC_GROUPS].group_id, [ORDER_SYNC_GROUPS].title
FROM [ORDER_SYNC_GROUPS]
WHERE [ORDER_SYNC_GROUPS].board_id = ? ORDER BY [ORDER_SYNC_GROUPS].created_at, [ORDER_SYNC_GROUPS].group_id;

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].sync_completed_at, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid IN (?) ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES_DELTA].sync_state, [ORDER_LIST_LINES_DELTA].sync_completed_at, CASE WHEN (NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid))) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].record_uuid IN (?);

SELECT [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES_DELTA].sync_state, [ORDER_LIST_LINES_DELTA].sync_completed_at, CASE WHEN (NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid))) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].line_uuid IN (?, ?);

SELECT [ORDER_LIST_LINES].line_uuid
FROM [ORDER_LIST_LINES]
WHERE [ORDER_LIST_LINES].line_uuid IN (?);

SELECT [ORDER_LIST].record_uuid
FROM [ORDER_LIST]
WHERE [ORDER_LIST].record_uuid IN (?);

SELECT TOP 800 [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].parent_item_id
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND ([ORDER_LIST_LINES_DELTA].sync_completed_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_completed_at < ?) AND [ORDER_LIST_LINES_DELTA].sync_completed_at >= ? AND [ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) ORDER BY [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT TOP 800 [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].parent_item_id
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND ([ORDER_LIST_LINES_DELTA].sync_completed_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_completed_at < ?) AND [ORDER_LIST_LINES_DELTA].sync_completed_at >= ? AND [ORDER_LIST_LINES_DELTA].monday_subitem_id IS NOT NULL AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) AND [ORDER_LIST_LINES_DELTA].delta_uuid > ? ORDER BY [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT TOP 800 [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_state = ? AND ([ORDER_LIST_DELTA].sync_completed_at IS NULL OR [ORDER_LIST_DELTA].sync_completed_at < ?) AND [ORDER_LIST_DELTA].sync_completed_at >= ? AND [ORDER_LIST_DELTA].monday_item_id IS NOT NULL AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) ORDER BY [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].sync_completed_at, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].record_uuid IN (?, ...) ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;
