SELECT [ORDER_SYNC_ITEMS].record_uuid AS own, [ORDER_SYNC_ITEMS].item_id AS recorded_id, [ORDER_SYNC_ITEMS].board_id AS recorded_board, [ORDER_SYNC_ITEMS].group_id AS recorded_place, [ORDER_SYNC_ITEMS].name AS recorded_name, [ORDER_SYNC_ITEMS].written AS recorded_values
FROM [ORDER_SYNC_ITEMS]
WHERE [ORDER_SYNC_ITEMS].record_uuid IN (?);
