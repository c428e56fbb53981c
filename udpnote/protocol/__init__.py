"""The protocol as pure state machines and codecs, which have no sockets, files, clocks or randomness of their own."""
