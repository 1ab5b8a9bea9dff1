"""PostgreSQL out of a wheel, started and supervised by us."""
