"""The application over HTTP, WebSocket and server-sent events."""
