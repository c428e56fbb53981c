"""The client: finds notebooks, sends entries, reads and imports."""
