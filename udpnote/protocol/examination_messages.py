"""EXAMINE and REPORT, the messages of `udpnote doctor`, as immutable values; `codec` converts them to bytes and back."""

from typing import NamedTuple

WAY_MAX = 63
"""The highest number of a way. A mask of 64 bits has one bit for each way that has arrived."""


class Examine(NamedTuple):
    """Asks a server which datagrams of one examination of the network have reached it. `udpnote doctor` sends it.

    All EXAMINEs of an examination have the same random `token`. `way` is a number from 0 to `WAY_MAX` that stands for how the
    EXAMINE was sent: from which interface, to which address, how long. Only the examiner knows what the number stands for.
    `body_bytes` is the length of the body, which is padded with zeros. The REPORT has the same length.
    """

    token: bytes
    way: int
    body_bytes: int


class HeardHost(NamedTuple):
    """A host from which a server has received DISCOVERs or EXAMINEs lately.

    `host` is its IP address. `scope` is the scope id of a link-local IPv6 address at the server, and 0 for other addresses.
    `datagrams` is how many have come. The latest one came `seconds_ago`.
    """

    host: str
    scope: int
    seconds_ago: int
    datagrams: int


class Report(NamedTuple):
    """A server's answer to an EXAMINE. It repeats the `token`, the `way` and the length of the EXAMINE.

    `heard` is the bit mask of the ways by which EXAMINEs with this token have arrived: bit 0 for way 0, and so on. `source` and
    `source_port` are the address from which the EXAMINE came, as the server saw it. `notebook_id` and `server_id` have the same
    meaning as in an OFFER. `clock` is the server's time in microseconds since 1970 UTC. `unsent` is how many answers the
    server's system has refused to send since the server started, for example because of a firewall. It is 0 if the system has
    refused none in the last minute. `heard_hosts` are the hosts that the server has heard lately, the latest first. It is empty
    unless the examiner is on the server's own host.
    """

    token: bytes
    way: int
    heard: int
    notebook_id: bytes
    server_id: bytes
    clock: int
    source: str
    source_port: int
    unsent: int
    heard_hosts: tuple[HeardHost, ...]
    body_bytes: int
