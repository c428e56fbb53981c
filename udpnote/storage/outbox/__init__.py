"""The outbox of a client: entries that wait, and what the client knows of notebooks."""
