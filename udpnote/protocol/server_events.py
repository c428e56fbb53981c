"""What a client learns about its server beside the answers: it is silent, another one, or has another key."""

from typing import NamedTuple

SILENCE_SECONDS = 0.9
"""On a LAN an answer takes a millisecond: this long without one, or a first timeout (1 s), puts the address in doubt."""

SILENT_INTERVAL_SECONDS = 3.0
"""RFC 8085 §3.1.3: without an estimate of the path, no more than one datagram per 3 seconds."""


class ServerSilent(NamedTuple):
    """No answer for a while: look for the server by discovery."""


class WrongServer(NamedTuple):
    """Another notebook's server answers at this address: look for the right one by discovery."""


class KeyChanged(NamedTuple):
    """The notebook is sealed with another key than ours now: it takes nothing from us."""
