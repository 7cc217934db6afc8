"""`order-sync doctor`: everything that could be wrong, in one go."""
