"""The schema: its types, and resolvers that hand arguments to use cases and wrap what comes back."""
