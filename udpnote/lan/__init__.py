"""The network: interfaces and datagrams. No other package has sockets."""
