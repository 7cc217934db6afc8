"""The domain: mapping, naming and errors. Pure: no database, no network, no Dagster."""
