"""Bounded loops of faults; each module is a command."""
