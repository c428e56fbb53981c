"""The server's notebook: entries, parts of unfinished ones, and lookups."""
