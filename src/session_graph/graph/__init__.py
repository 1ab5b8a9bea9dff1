"""GraphQL over HTTP: types, resolvers, limits, the view. Thin: arguments in, use case, types out."""
