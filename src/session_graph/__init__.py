"""The record of every conversation an AI employee had, behind one GraphQL endpoint.

The package is a house; a file imports only from its own floor's earlier rooms or from floors below. From the ground:
`errors`, `settings` and `values`; `store` (PostgreSQL) and `access` (who asks); `sessions` (what a session is, and
every use of it); `graph` (GraphQL over HTTP); `app` (the parts put together); `cli` (the command). `demo` is data for a
first look, `web` the pages.
"""
