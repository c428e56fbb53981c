"""What texts are made into: search terms, JSON lines, Markdown, and messages for people. Pure functions."""
