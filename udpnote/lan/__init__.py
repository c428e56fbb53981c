"""Sockets, network interfaces and host names. No other package imports `socket`."""
