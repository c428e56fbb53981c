"""One module for each command, or pair of commands: its options, its help and its work."""
