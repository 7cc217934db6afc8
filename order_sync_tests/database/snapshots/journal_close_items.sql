UPDATE [ORDER_SYNC_BOARDS] SET leased_until=? WHERE [ORDER_SYNC_BOARDS].board_id = ? AND [ORDER_SYNC_BOARDS].run_id = ?;

INSERT INTO [ORDER_SYNC_JOURNAL] (idempotency_key, board_id, operation, keys, body, state, run_id, opened_at, sent_at) VALUES (?, ...);

SELECT [ORDER_SYNC_BOARDS].run_id AS holder, [ORDER_SYNC_BOARDS].leased_until, [ORDER_SYNC_JOURNAL].state, [ORDER_SYNC_JOURNAL].run_id
FROM [ORDER_SYNC_BOARDS] LEFT OUTER JOIN [ORDER_SYNC_JOURNAL] ON [ORDER_SYNC_JOURNAL].idempotency_key = ?
WHERE [ORDER_SYNC_BOARDS].board_id = ?;

UPDATE [ORDER_SYNC_JOURNAL] SET body=NULL, state=?, run_id=?, closed_at=? WHERE [ORDER_SYNC_JOURNAL].idempotency_key = ? AND [ORDER_SYNC_JOURNAL].state = ?;

UPDATE [ORDER_LIST_DELTA] SET monday_group_id=CASE [ORDER_LIST_DELTA].delta_uuid WHEN ? THEN ? END, monday_item_id=CASE [ORDER_LIST_DELTA].delta_uuid WHEN ? THEN ? END WHERE [ORDER_LIST_DELTA].delta_uuid IN (?) AND CASE WHEN ([ORDER_LIST_DELTA].monday_item_id IS NULL) THEN ? ELSE ? END = ?;

SELECT [ORDER_LIST_DELTA].delta_uuid, [ORDER_LIST_DELTA].record_uuid AS own, [ORDER_LIST_DELTA].monday_item_id AS monday_id, [ORDER_SYNC_ITEMS].item_id AS known_id, coalesce([ORDER_LIST_DELTA].created_at, ?) AS created_at, CASE WHEN (EXISTS (SELECT *
FROM [ORDER_SYNC_CANCELLED] AS marker
WHERE marker.key_uuid = [ORDER_LIST_DELTA].record_uuid)) THEN ? ELSE ? END AS is_off, [ORDER_SYNC_ITEMS].name, [ORDER_SYNC_ITEMS].written, [ORDER_SYNC_ITEMS].group_id AS place
FROM [ORDER_LIST_DELTA] LEFT OUTER JOIN [ORDER_SYNC_ITEMS] ON [ORDER_SYNC_ITEMS].record_uuid = [ORDER_LIST_DELTA].record_uuid
WHERE [ORDER_LIST_DELTA].delta_uuid IN (?);

DELETE FROM [ORDER_SYNC_ITEMS] WHERE [ORDER_SYNC_ITEMS].record_uuid IN (?);

INSERT INTO [ORDER_SYNC_ITEMS] (record_uuid, board_id, item_id, group_id, name, written, written_at, run_id) VALUES (?, ...);

INSERT INTO [ORDER_SYNC_LOG] (logged_at, run_id, board_id, delta_uuid, operation, outcome, monday_id, idempotency_key) VALUES (?, ...);
