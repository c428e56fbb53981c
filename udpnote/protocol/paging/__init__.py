"""Answers the READs of clients with PAGEs: the server's side of reading."""
