"""Where desired rows become real: the queue's and monday's IO managers, live and dry-run."""
