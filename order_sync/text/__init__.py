"""Text for people and machines: counts, durations, excerpts, escapes, masked secrets. Imports nothing of ours."""
