"""Network interfaces and UDP sockets. No other package uses sockets."""
