"""The command line: which commands there are, how what a user types becomes a call of one, and what is said if it is wrong."""
