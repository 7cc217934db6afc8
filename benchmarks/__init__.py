"""Benchmarks of order_sync; each module is a command."""
