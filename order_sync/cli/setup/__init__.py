"""`order-sync setup`: from nothing to a dry run of one order, by questions that are tried at once."""
