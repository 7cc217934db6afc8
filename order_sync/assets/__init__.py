"""The asset graph: pure functions from frames to the desired rows. IO managers create what is missing."""
