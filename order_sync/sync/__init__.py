"""The engine: what a run writes to a board, exactly once, and how board and tables compare. Knows no Dagster."""
