"""The only room with SQL: the server's notebook and the client's outbox."""
