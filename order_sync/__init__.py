"""order_sync carries pending orders from SQL Server to monday.com boards, once and only once."""

__version__ = "0.1.0"
