"""Network interfaces and UDP sockets. No other package imports `socket`."""
