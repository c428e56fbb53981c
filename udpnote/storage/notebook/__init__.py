"""Notebook files: storing entries, keeping partial ones, and looking things up."""
