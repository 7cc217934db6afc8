UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=?, sync_error_message=? WHERE [ORDER_LIST_DELTA].sync_state = ? AND [ORDER_LIST_DELTA].action_type = ? AND [ORDER_LIST_DELTA].record_uuid IN (SELECT [ORDER_LIST].record_uuid
FROM [ORDER_LIST]
WHERE [ORDER_LIST].[CUSTOMER NAME] IN (?, ?) UNION ALL SELECT queued.record_uuid
FROM [ORDER_LIST_DELTA] AS queued
WHERE queued.[CUSTOMER NAME] IN (?, ?));

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=?, sync_error_message=? WHERE [ORDER_LIST_LINES_DELTA].sync_state = ? AND [ORDER_LIST_LINES_DELTA].action_type = ? AND [ORDER_LIST_LINES_DELTA].record_uuid IN (SELECT [ORDER_LIST].record_uuid
FROM [ORDER_LIST]
WHERE [ORDER_LIST].[CUSTOMER NAME] IN (?, ?) UNION ALL SELECT queued.record_uuid
FROM [ORDER_LIST_DELTA] AS queued
WHERE queued.[CUSTOMER NAME] IN (?, ?));
