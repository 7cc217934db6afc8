"""The monday.com side: client, operations, pacing, errors, recovery, column values. Never imports Dagster."""

API_VERSION = "2026-10"  # that order_sync was made for; ORDER_SYNC_MONDAY_VERSION chooses another
