"""Which notebook a client means, and finding its server."""
