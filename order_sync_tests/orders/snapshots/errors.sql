SELECT [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].sync_error_message AS reason
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND [ORDER_LIST_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_DELTA].sync_run_id = ?;

SELECT [ORDER_LIST].[CUSTOMER NAME] AS customer, [ORDER_LIST].[AAG ORDER NUMBER] AS order_number, [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].size_code AS size, [ORDER_LIST_LINES_DELTA].sync_error_message AS reason
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND [ORDER_LIST_LINES_DELTA].sync_state IN (?, ...) AND [ORDER_LIST_LINES_DELTA].sync_run_id = ?;
