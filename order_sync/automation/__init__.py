"""What Dagster does by itself: sensors, schedules, jobs, freshness and messages."""
