SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state IN (?) AND NOT (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) AND ([ORDER_LIST].sync_state IS NULL OR [ORDER_LIST].sync_state != ? OR NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS of_order
WHERE of_order.record_uuid = [ORDER_LIST_DELTA].record_uuid AND of_order.monday_item_id = [ORDER_LIST].monday_item_id))) ORDER BY [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid;
