"""Each test gets a stage of its own."""

from order_sync_tests.graph.stage import stage as stage
