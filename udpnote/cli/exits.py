"""The exit codes of the `udpnote` command."""

DONE = 0
REFUSED = 1
USAGE = 2
NO_SERVER = 69
"""EX_UNAVAILABLE of sysexits(3)."""
QUEUED = 75
"""EX_TEMPFAIL of sysexits(3)."""
INTERRUPTED = 130
"""What a shell reports for Ctrl-C: 128 and the signal's number."""
