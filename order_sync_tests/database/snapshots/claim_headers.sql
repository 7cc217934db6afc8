UPDATE [ORDER_LIST_DELTA] SET sync_state=?, sync_run_id=?, sync_attempted_at=?, sync_error_message=NULL WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN (([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? OR upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ? OR [ORDER_LIST_DELTA].sync_attempted_at > ? OR [ORDER_LIST_DELTA].sync_run_id IN (NULL) AND (1 != 1)) OR CASE WHEN (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ?) THEN CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_DELTA].record_uuid AND (newer.sync_state < ? OR newer.sync_state > ? OR (newer.sync_state IS NULL)) AND (newer.sync_state IN (?, ?) OR (newer.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(newer.sync_state))) IN (?, ?)) AND (newer.action_type IN (?, ...) OR upper(ltrim(rtrim(newer.action_type))) IN (?, ...)) AND (coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_DELTA].created_at, ?) OR coalesce(newer.created_at, ?) = coalesce([ORDER_LIST_DELTA].created_at, ?) AND newer.delta_uuid > [ORDER_LIST_DELTA].delta_uuid))) THEN ? ELSE ? END ELSE ? END = ?)) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN (([ORDER_LIST_DELTA].action_type IN (?, ...) OR upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) IN (?, ...)) AND (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? OR upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at IS NULL OR [ORDER_LIST_DELTA].sync_attempted_at < ? OR [ORDER_LIST_DELTA].sync_attempted_at > ? OR [ORDER_LIST_DELTA].sync_run_id IN (NULL) AND (1 != 1)) OR CASE WHEN (upper(ltrim(rtrim([ORDER_LIST_DELTA].sync_state))) = ?) THEN CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_DELTA].record_uuid AND (newer.sync_state < ? OR newer.sync_state > ? OR (newer.sync_state IS NULL)) AND (newer.sync_state IN (?, ?) OR (newer.sync_state NOT IN (?, ?)) AND upper(ltrim(rtrim(newer.sync_state))) IN (?, ?)) AND (newer.action_type IN (?, ...) OR upper(ltrim(rtrim(newer.action_type))) IN (?, ...)) AND (coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_DELTA].created_at, ?) OR coalesce(newer.created_at, ?) = coalesce([ORDER_LIST_DELTA].created_at, ?) AND newer.delta_uuid > [ORDER_LIST_DELTA].delta_uuid))) THEN ? ELSE ? END ELSE ? END = ?)) THEN ? ELSE ? END = ? AND ([ORDER_LIST_DELTA].sync_run_id IS NULL OR [ORDER_LIST_DELTA].sync_run_id != ?)) AS anon_1;

SELECT DISTINCT mine.record_uuid
FROM [ORDER_LIST_DELTA] AS mine
WHERE mine.delta_uuid IN (?, ...) AND CASE WHEN (mine.sync_run_id = ? AND mine.sync_state = ?) THEN ? ELSE ? END = ?;

SELECT DISTINCT theirs.record_uuid, theirs.sync_run_id AS run_id
FROM [ORDER_LIST_DELTA] AS theirs
WHERE theirs.record_uuid IN (?, ...) AND theirs.sync_state = ? AND theirs.sync_run_id > ? AND (theirs.sync_run_id NOT IN (NULL) OR (1 = 1)) AND theirs.sync_attempted_at BETWEEN ? AND ? AND theirs.sync_run_id != ?;

SELECT DISTINCT theirs.record_uuid, theirs.sync_run_id AS run_id
FROM [ORDER_LIST_LINES_DELTA] AS theirs
WHERE theirs.record_uuid IN (?, ...) AND theirs.sync_state = ? AND theirs.sync_run_id > ? AND (theirs.sync_run_id NOT IN (NULL) OR (1 = 1)) AND theirs.sync_attempted_at BETWEEN ? AND ? AND theirs.sync_run_id != ?;

SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].[GroupMonday], [ORDER_LIST_DELTA].monday_group_id, [ORDER_LIST_DELTA].monday_item_id, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, upper(ltrim(rtrim([ORDER_LIST_DELTA].action_type))) AS action, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_LIST_DELTA] AS newer
WHERE newer.record_uuid = [ORDER_LIST_DELTA].record_uuid AND upper(ltrim(rtrim(newer.sync_state))) = ? AND coalesce(newer.created_at, ?) > coalesce([ORDER_LIST_DELTA].created_at, ?))) THEN ? ELSE ? END AS outdated, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid AND marker.of_version >= coalesce([ORDER_LIST_DELTA].created_at, ?))) THEN ? ELSE ? END AS is_off, CASE WHEN ([ORDER_LIST].record_uuid IS NULL) THEN ? ELSE ? END AS has_order, (SELECT [ORDER_SYNC_ITEMS].board_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid) AS item_board_id, [ORDER_LIST_DELTA].[AAG ORDER NUMBER], [ORDER_LIST_DELTA].[CUSTOMER NAME], [ORDER_LIST_DELTA].[PO NUMBER], [ORDER_LIST_DELTA].[CUSTOMER STYLE], [ORDER_LIST_DELTA].[STYLE DESCRIPTION], [ORDER_LIST_DELTA].[CUSTOMER COLOUR DESCRIPTION], [ORDER_LIST_DELTA].[ORDER TYPE], [ORDER_LIST_DELTA].[TOTAL QTY], [ORDER_LIST_DELTA].[ETA CUSTOMER WAREHOUSE DATE], [ORDER_LIST_DELTA].[FINAL FOB (USD)], [ORDER_LIST].[CUSTOMER SEASON], [ORDER_LIST].[AAG SEASON], [ORDER_LIST].[ALIAS/RELATED ITEM], [ORDER_LIST].[CUSTOMER ALT PO]
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_LIST] ON [ORDER_LIST].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].sync_state = ? ORDER BY [ORDER_LIST_DELTA].created_at, [ORDER_LIST_DELTA].delta_uuid;
