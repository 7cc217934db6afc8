"""An example of a Dagster project that has assets of its own, and order_sync as one component of it."""
