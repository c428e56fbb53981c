"""What this machine says of itself: the time, its time zone, its name and the name of its user."""
