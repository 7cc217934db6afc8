"""The stage of these tests: the emulator, and a database with empty tables."""

from order_sync_tests.sync.stage import empty_stage as empty_stage
