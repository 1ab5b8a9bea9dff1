"""PostgreSQL: models, migrations, the pool, the embedded server."""
