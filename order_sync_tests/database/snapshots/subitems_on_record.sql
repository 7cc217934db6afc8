SELECT [ORDER_SYNC_SUBITEMS].line_uuid AS own, [ORDER_SYNC_SUBITEMS].subitem_id AS recorded_id, [ORDER_SYNC_SUBITEMS].board_id AS recorded_board, [ORDER_SYNC_SUBITEMS].parent_item_id AS recorded_place, [ORDER_SYNC_SUBITEMS].name AS recorded_name, [ORDER_SYNC_SUBITEMS].written AS recorded_values
FROM [ORDER_SYNC_SUBITEMS]
WHERE [ORDER_SYNC_SUBITEMS].line_uuid IN (?);
