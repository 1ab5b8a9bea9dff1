"""GraphQL for any schema: documents, limits, analysis, plans. Knows nothing of sessions."""
