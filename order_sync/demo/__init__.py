"""Sample orders and the demo command: order_sync without a SQL Server and without a monday account."""
