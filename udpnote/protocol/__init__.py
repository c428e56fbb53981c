"""The protocol without input or output: no sockets, files, clocks or randomness of its own."""
