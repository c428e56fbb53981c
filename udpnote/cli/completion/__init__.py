"""Completes what the user types in a shell: commands, options, notebooks, tags and numbers of notes."""
