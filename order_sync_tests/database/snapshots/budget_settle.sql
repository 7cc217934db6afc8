UPDATE [ORDER_SYNC_BUDGETS] SET points_left=?, points_in_flight=?, points_taken=?, points_before=?, ends_at=?, revision=? WHERE [ORDER_SYNC_BUDGETS].account = ? AND [ORDER_SYNC_BUDGETS].revision = ?;

SELECT [ORDER_SYNC_BUDGETS].account, [ORDER_SYNC_BUDGETS].points_left, [ORDER_SYNC_BUDGETS].points_in_flight, [ORDER_SYNC_BUDGETS].points_taken, [ORDER_SYNC_BUDGETS].points_before, [ORDER_SYNC_BUDGETS].ends_at, [ORDER_SYNC_BUDGETS].revision
FROM [ORDER_SYNC_BUDGETS]
WHERE [ORDER_SYNC_BUDGETS].account = ?;
