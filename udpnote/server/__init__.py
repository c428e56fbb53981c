"""The server: its loop, and what it does with each request."""
