"""The command line: parse, call, print, exit."""

import gc

gc.set_threshold(200_000)  # commands make next to no cycles: no collection while they start, few while they stream
