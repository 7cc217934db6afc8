"""Dagster's automation: sensors, schedules, jobs, freshness and messages."""
