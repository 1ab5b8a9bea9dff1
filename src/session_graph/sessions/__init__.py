"""Sessions: columns, filters, orders, closing, recording, reading, the dashboard. Knows nothing of GraphQL or HTTP."""
