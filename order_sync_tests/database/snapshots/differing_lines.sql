SELECT [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].line_uuid, [ORDER_LIST_LINES_DELTA].monday_subitem_id, [ORDER_LIST_LINES_DELTA].parent_item_id, [ORDER_LIST_LINES].sync_state AS line_state, [ORDER_LIST_LINES].monday_subitem_id AS line_subitem_id, [ORDER_LIST_LINES].parent_item_id AS line_parent_id
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST_LINES] ON [ORDER_LIST_LINES].line_uuid = [ORDER_LIST_LINES_DELTA].line_uuid AND [ORDER_LIST_LINES].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state IN (?) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].record_uuid)) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_LINES_DELTA].line_uuid)) AND ([ORDER_LIST_LINES].sync_state IS NULL OR [ORDER_LIST_LINES].sync_state != ? OR coalesce([ORDER_LIST_LINES].monday_subitem_id, ?) != [ORDER_LIST_LINES_DELTA].monday_subitem_id OR coalesce([ORDER_LIST_LINES].parent_item_id, ?) != [ORDER_LIST_LINES_DELTA].parent_item_id) ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].line_uuid;
