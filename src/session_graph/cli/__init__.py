"""The command `session-graph`."""
