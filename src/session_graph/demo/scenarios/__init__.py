"""The plays, a module for each subject of a business. See `scenario.py` for the fields, `script.py` for scripts."""
