SELECT [ORDER_LIST_DELTA].delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);
