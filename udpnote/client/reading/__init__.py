"""Reading a notebook, through its server or from its file."""
