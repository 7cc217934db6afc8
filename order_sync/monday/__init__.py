"""The monday.com side: client, operations, pacing, errors, recovery, column values. Never imports Dagster."""
