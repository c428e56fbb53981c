"""One module for each command: its options, its help and its work."""
