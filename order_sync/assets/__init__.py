"""The asset graph: pure functions from frames to the rows that ought to be. IO managers make them so."""
