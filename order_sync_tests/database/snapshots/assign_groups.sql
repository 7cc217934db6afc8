UPDATE [ORDER_LIST_DELTA] SET monday_group_id=CASE [ORDER_LIST_DELTA].delta_uuid WHEN ? THEN ? ... END WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ?) THEN ? ELSE ? END = ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?, ...) AND CASE WHEN ([ORDER_LIST_DELTA].sync_run_id = ? AND [ORDER_LIST_DELTA].monday_group_id IS NULL) THEN ? ELSE ? END = ?) AS anon_1;
