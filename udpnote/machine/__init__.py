"""What this machine says: the time, and its time zone."""
