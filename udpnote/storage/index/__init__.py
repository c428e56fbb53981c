"""The search index of a notebook."""
