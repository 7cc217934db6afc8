SELECT TOP 1 [ORDER_LIST_DELTA].sync_state
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ...) OR coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ?);
