"""The database side: queue tables, leases, journal, commit, naming and mapping. Never imports Dagster."""
