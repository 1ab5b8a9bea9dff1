"""The GraphQL schema: its types, and resolvers that pass arguments to use cases and wrap their results."""
