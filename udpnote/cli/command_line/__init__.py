"""The command line: the table of the commands, their declarations, the reading of what a user types, help, and advice."""
