"""The output of the commands, one module for each module of commands."""
