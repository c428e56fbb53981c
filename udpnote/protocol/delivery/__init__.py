"""Sends entries to a server until it has acknowledged them: the client's side of exactly-once delivery."""
