SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].sync_state, [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST].sync_state AS order_state, [ORDER_LIST].monday_item_id AS order_item_id
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...);
