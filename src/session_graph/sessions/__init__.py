"""Sessions: columns, filters, orders, closing, recording, editing, reading, dashboards. No GraphQL, no HTTP."""
