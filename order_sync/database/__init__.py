"""The tables: queue and claims, journal, commit, checks of the schema, SQL Server. Knows no monday, no Dagster."""
