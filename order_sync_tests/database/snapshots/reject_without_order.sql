SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=?, sync_attempted_at=?, sync_error_message=?, retry_count=([ORDER_LIST_DELTA].retry_count + ?) WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) AND [ORDER_LIST_DELTA].delta_uuid IN (?);

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=?, sync_attempted_at=?, sync_error_message=?, retry_count=([ORDER_LIST_DELTA].retry_count + ?) WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, delta_uuid, operation, outcome, code, message) VALUES (?, ...);

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST_LINES_DELTA].record_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?, ?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);
