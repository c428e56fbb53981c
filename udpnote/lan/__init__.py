"""The network: interfaces and datagrams. No other package uses sockets."""
