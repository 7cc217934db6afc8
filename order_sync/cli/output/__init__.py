"""What the commands print: one module for each module of commands."""
