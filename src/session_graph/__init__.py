"""The record of every conversation an AI employee had, behind one GraphQL endpoint.

A module imports only from its own room, or from rooms on the floors below it:

    7  cli           the command `session-graph`
    6  http          the application: HTTP, WebSocket, server-sent events, pages, logs
    5  schema        the GraphQL types and resolvers
    4  ingestion     vendors' payloads: mappings, inlets, deliveries
    4  exports       session reports: the queue, the CSV, the mail
    4  engine        GraphQL for any schema: documents, limits, analysis, plans
    3  sessions      what a session is, and every use of it
    2  access        who is calling: accounts, roles, keys, tokens
    1  store         PostgreSQL: connections, migrations, notifications, models
    0  zones         time zones and their offsets
    0  pacing        long work in slices, between which the event loop turns
    0  token_bucket  how much a caller may use at once, and how fast that comes back
    0  parsing       text to values
    0  json_bounds   JSON texts, measured before they are parsed
    0  settings      the environment, read once
    0  errors        every error, and its code on the wire

`demo` (the data of the demo account; imports `zones` alone) and `web` (static pages) stand beside the house.
"""
