"""A GraphQL engine for any schema: documents, limits, analysis, plans. It must not import sessions or exports."""
