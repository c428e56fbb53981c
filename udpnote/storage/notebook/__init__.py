"""Notebook files: entries are stored in them, found, erased, copied into a backup, and restored from it."""
