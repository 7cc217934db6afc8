SELECT [ORDER_LIST_DELTA].delta_uuid AS [key]
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? GROUP BY [ORDER_LIST_DELTA].delta_uuid
HAVING count(*) > ?;

SELECT max(anon_1.customer) AS customer, count(*) AS rows, max(anon_1.created_at) AS newest
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid, [ORDER_LIST_DELTA].record_uuid AS record_uuid, [ORDER_LIST_DELTA].[CUSTOMER NAME] AS customer, [ORDER_LIST_DELTA].[AAG ORDER NUMBER] AS order_number, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN (SELECT blocking.record_uuid AS record_key
FROM [ORDER_LIST_DELTA] AS blocking
WHERE (blocking.sync_state < ? OR blocking.sync_state > ? OR (blocking.sync_state IS NULL)) AND CASE WHEN (blocking.sync_state IN (?, ?) AND blocking.action_type = ?) THEN CASE WHEN (blocking.delta_uuid IS NULL OR 0 = 1) THEN ? ELSE ? END ELSE CASE WHEN (upper(ltrim(rtrim(blocking.sync_state))) IN (?) AND upper(ltrim(rtrim(blocking.action_type))) = ? OR (blocking.sync_state < ? OR blocking.sync_state > ? OR (blocking.sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim(blocking.sync_state))), ?) != ? AND (blocking.sync_state IS NULL OR (upper(ltrim(rtrim(blocking.sync_state))) NOT IN (?, ...)) OR blocking.action_type IS NULL OR (upper(ltrim(rtrim(blocking.action_type))) NOT IN (?, ...))) OR upper(ltrim(rtrim(blocking.sync_state))) IN (?, ?) AND upper(ltrim(rtrim(blocking.action_type))) = ? AND (blocking.delta_uuid IS NULL OR 0 = 1)) THEN ? ELSE ? END END = ? UNION SELECT blocking.record_uuid AS record_key
FROM [ORDER_LIST_LINES_DELTA] AS blocking
WHERE (blocking.sync_state < ? OR blocking.sync_state > ? OR (blocking.sync_state IS NULL)) AND CASE WHEN (blocking.sync_state IN (?, ?) AND blocking.action_type = ?) THEN CASE WHEN (blocking.delta_uuid IS NULL OR 0 = 1 OR blocking.line_uuid IS NULL OR 0 = 1) THEN ? ELSE ? END ELSE CASE WHEN (upper(ltrim(rtrim(blocking.sync_state))) IN (?) AND upper(ltrim(rtrim(blocking.action_type))) = ? OR (blocking.sync_state < ? OR blocking.sync_state > ? OR (blocking.sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim(blocking.sync_state))), ?) != ? AND (blocking.sync_state IS NULL OR (upper(ltrim(rtrim(blocking.sync_state))) NOT IN (?, ...)) OR blocking.action_type IS NULL OR (upper(ltrim(rtrim(blocking.action_type))) NOT IN (?, ...))) OR upper(ltrim(rtrim(blocking.sync_state))) IN (?, ?) AND upper(ltrim(rtrim(blocking.action_type))) = ? AND (blocking.delta_uuid IS NULL OR 0 = 1 OR blocking.line_uuid IS NULL OR 0 = 1)) THEN ? ELSE ? END END = ? UNION SELECT blocking.record_uuid AS record_key
FROM [ORDER_LIST_DELTA] AS blocking
WHERE blocking.sync_state = ? AND blocking.sync_run_id > ? AND (blocking.sync_run_id NOT IN (?)) AND blocking.sync_attempted_at BETWEEN ? AND ? UNION SELECT blocking.record_uuid AS record_key
FROM [ORDER_LIST_LINES_DELTA] AS blocking
WHERE blocking.sync_state = ? AND blocking.sync_run_id > ? AND (blocking.sync_run_id NOT IN (?)) AND blocking.sync_attempted_at BETWEEN ? AND ?) AS blocked ON [ORDER_LIST_DELTA].record_uuid = blocked.record_key
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND coalesce(upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))), ?) != ? AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? OR upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ? OR [ORDER_LIST_DELTA].sync_attempted_at > ? OR [ORDER_LIST_DELTA].sync_run_id IN (?))) AND NOT ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1) AND blocked.record_key IS NULL) AS anon_1 GROUP BY CAST(anon_1.customer AS VARBINARY(8000));

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].sync_state AS sync_state
FROM [ORDER_LIST_DELTA]
WHERE ([ORDER_LIST_DELTA].sync_state < ? OR [ORDER_LIST_DELTA].sync_state > ? OR ([ORDER_LIST_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) = ? AND ([ORDER_LIST_DELTA].record_uuid IS NULL OR 0 = 1)) AS anon_1;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].sync_state AS sync_state
FROM [ORDER_LIST_LINES_DELTA]
WHERE ([ORDER_LIST_LINES_DELTA].sync_state < ? OR [ORDER_LIST_LINES_DELTA].sync_state > ? OR ([ORDER_LIST_LINES_DELTA].sync_state IS NULL)) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].sync_state))) IN (?, ?) AND upper(ltrim(rtrim([ORDER_LIST_LINES_DELTA].action_type))) = ? AND ([ORDER_LIST_LINES_DELTA].record_uuid IS NULL OR 0 = 1)) AS anon_1;
