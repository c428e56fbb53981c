"""The command line: it reads the options, calls the client or the server, and prints the results."""

import gc

gc.set_threshold(200_000)  # commands make few reference cycles, so the garbage collector would find hardly anything
