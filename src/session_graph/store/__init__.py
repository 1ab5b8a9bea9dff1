"""PostgreSQL: models, migrations, connection pools, notifications, the embedded server."""
