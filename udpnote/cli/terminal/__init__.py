"""Reading from and printing to a terminal: shared by the commands."""
