SELECT [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[ORDER TYPE]
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ?) ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;

SELECT [ORDER_LIST].record_uuid, [ORDER_LIST].[ORDER TYPE], [ORDER_LIST].[AAG SEASON], [ORDER_SYNC_ITEMS].item_id AS order_sync_item
FROM [ORDER_LIST] LEFT OUTER JOIN [ORDER_SYNC_ITEMS] ON [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST].record_uuid;
