SELECT [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].monday_item_id IN (?, ?);
