"""Mutation tests of the modules that keep the promises: which of their lines could be wrong without a test failing."""
