"""Notebook files: store entries, keep partial ones, and answer queries."""
