"""The server: its loop, how it handles requests, and its keys."""
