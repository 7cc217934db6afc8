SELECT [ORDER_LIST_DELTA].delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ? ORDER BY [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ? AND [ORDER_LIST_DELTA].sync_attempted_at < ?) AS anon_1;

UPDATE [ORDER_LIST_DELTA] SET sync_attempted_at=? WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1, count(CASE WHEN ([ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ?) THEN ? END) AS count_2
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT DISTINCT mine.record_uuid
FROM [ORDER_LIST_DELTA] AS mine
WHERE mine.delta_uuid IN (?, ...) AND CASE WHEN (mine.sync_run_id = ? AND mine.sync_state = ?) THEN ? ELSE ? END = ?;

SELECT DISTINCT theirs.record_uuid, CAST(theirs.sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS run_id
FROM [ORDER_LIST_DELTA] AS theirs
WHERE theirs.record_uuid IN (?, ...) AND theirs.sync_state = ? AND theirs.sync_run_id > ? AND (theirs.sync_run_id NOT IN (NULL) OR (1 = 1)) AND theirs.sync_attempted_at BETWEEN ? AND ? AND theirs.sync_run_id != ? UNION ALL SELECT DISTINCT theirs.record_uuid, CAST(theirs.sync_run_id AS NVARCHAR(max)) COLLATE DATABASE_DEFAULT AS run_id
FROM [ORDER_LIST_LINES_DELTA] AS theirs
WHERE theirs.record_uuid IN (?, ...) AND theirs.sync_state = ? AND theirs.sync_run_id > ? AND (theirs.sync_run_id NOT IN (NULL) OR (1 = 1)) AND theirs.sync_attempted_at BETWEEN ? AND ? AND theirs.sync_run_id != ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ?) THEN ? ELSE ? END = ?) AS anon_1;

SELECT [ORDER_LIST_LINES_DELTA].delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ? ORDER BY [ORDER_LIST_LINES_DELTA].record_uuid, [ORDER_LIST_LINES_DELTA].delta_uuid;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ? AND [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?) AS anon_1;

UPDATE [ORDER_LIST_LINES_DELTA] SET sync_attempted_at=? WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1, count(CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_LINES_DELTA].sync_attempted_at < ?) THEN ? END) AS count_2
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?;

SELECT DISTINCT mine.record_uuid
FROM [ORDER_LIST_LINES_DELTA] AS mine
WHERE mine.delta_uuid IN (?, ...) AND CASE WHEN (mine.sync_run_id = ? AND mine.sync_state = ?) THEN ? ELSE ? END = ? AND NOT (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS own
WHERE own.record_uuid = mine.record_uuid AND own.sync_run_id = ? AND own.sync_state = ?));

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_LINES_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_LINES_DELTA]
WHERE [ORDER_LIST_LINES_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_LINES_DELTA].sync_run_id = ? AND [ORDER_LIST_LINES_DELTA].sync_state = ?) THEN ? ELSE ? END = ?) AS anon_1;
