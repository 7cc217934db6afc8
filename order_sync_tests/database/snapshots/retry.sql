SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS main, queued.[CUSTOMER NAME] AS queued
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid LEFT OUTER JOIN [ORDER_LIST_DELTA] AS queued ON queued.record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=NULL, sync_error_message=NULL WHERE [ORDER_LIST_DELTA].delta_uuid IN (?) AND ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?) AND ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_DELTA].sync_state IN (?) OR ([ORDER_LIST_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1)) AS anon_1;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid, [ORDER_LIST].[CUSTOMER NAME] AS main, queued.[CUSTOMER NAME] AS queued
FROM [ORDER_LIST_LINES_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid LEFT OUTER JOIN [ORDER_LIST_DELTA] AS queued ON queued.record_uuid = [ORDER_LIST_LINES_DELTA].record_uuid
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_state=?, sync_run_id=NULL, sync_error_message=NULL WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?) AND ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?) AND ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND ([ORDER_LIST_LINES_DELTA].sync_state IN (?) OR ([ORDER_LIST_LINES_DELTA].sync_state NOT IN (?, ...)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?)) AND ([ORDER_LIST_LINES_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) IN (?, ...)) AND NOT ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1)) AS anon_1;
