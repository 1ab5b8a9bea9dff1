"""What tests are written with: callers, records, statements."""
