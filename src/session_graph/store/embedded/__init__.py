"""PostgreSQL from a wheel, started and supervised by the process that needs it."""
