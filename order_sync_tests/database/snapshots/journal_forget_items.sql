UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

SELECT [ORDER_SYNC_BOARDS].run_id, [ORDER_SYNC_BOARDS].leased_until
FROM [ORDER_SYNC_BOARDS]
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

SELECT [ORDER_LIST_DELTA].monday_item_id, [ORDER_LIST_DELTA].record_uuid, [ORDER_LIST_DELTA].delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].monday_item_id IN (?, ?) AND [ORDER_LIST_DELTA].sync_state = ?;

UPDATE [ORDER_LIST_DELTA] SET monday_item_id=NULL WHERE [ORDER_LIST_DELTA].monday_item_id IN (?, ?) AND [ORDER_LIST_DELTA].sync_state = ?;

UPDATE [ORDER_LIST_LINES_DELTA] SET monday_subitem_id=NULL WHERE [ORDER_LIST_LINES_DELTA].parent_item_id IN (?, ?) AND [ORDER_LIST_LINES_DELTA].sync_state = ?;

SELECT count(*) AS count_1
FROM (SELECT [ORDER_LIST_DELTA].delta_uuid AS delta_uuid
FROM [ORDER_LIST_DELTA]
WHERE [ORDER_LIST_DELTA].monday_item_id IN (?, ?) AND [ORDER_LIST_DELTA].sync_state = ?) AS anon_1;

DELETE FROM [ORDER_SYNC_ITEMS] WHERE [ORDER_SYNC_ITEMS].item_id IN (?, ?);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_SYNC_ITEMS].item_id AS item_id
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].item_id IN (?, ?)) AS anon_1;

DELETE FROM [ORDER_SYNC_SUBITEMS] WHERE [ORDER_SYNC_SUBITEMS].parent_item_id IN (?, ?);

SELECT count(*) AS count_1
FROM (SELECT [ORDER_SYNC_SUBITEMS].parent_item_id AS parent_item_id
FROM [ORDER_SYNC_SUBITEMS]
WHERE [ORDER_SYNC_SUBITEMS].parent_item_id IN (?, ?)) AS anon_1;
