"""The only room with sockets: interfaces and datagrams."""
