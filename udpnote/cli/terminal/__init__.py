"""What the commands share to speak with a terminal."""
