"""Reads the results of a query from a server: the client's side of reading."""
