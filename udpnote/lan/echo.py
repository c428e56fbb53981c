"""Finds out whether this host hears its own broadcasts. It sends itself datagrams by broadcast and by unicast.

The system delivers a broadcast to its own sender, too, as if it had arrived at the interface. So a firewall that drops arriving
broadcasts drops this one as well. Such a firewall does not drop the datagram by unicast, because that passes through the
loopback interface. The datagrams come from the port of udpnote's servers if that port is free, so that they look like the
answers of a server.
"""

import select
import socket
import time
from collections.abc import Collection, Iterable
from contextlib import closing, suppress
from typing import NamedTuple

from udpnote.lan.interfaces import Interface

ECHO_SECONDS = 0.3
"""How long to wait for the echoes. They take less than a millisecond, or a few milliseconds on a busy machine."""

PLACES_MAX = 64
"""The most IPv4 addresses that are tested. No host has more on its LANs."""

ECHO_TOKEN_BYTES = 16
"""The length of the random token by which this host recognizes its own datagrams."""


class Echo(NamedTuple):
    """Which of the datagrams from this host to itself have arrived. They were sent on `interface`, from its IPv4 `address`.

    `hears_unicast` and `hears_broadcast` say whether the datagram by unicast and the one by broadcast have arrived. `error` is
    the text of the system's error if the system has refused to send the broadcast, and None if it has sent it.
    """

    interface: str
    address: str
    hears_unicast: bool
    hears_broadcast: bool
    error: str | None


def listen_for_echoes(interfaces: Iterable[Interface], token: bytes, port: int) -> list[Echo]:
    """For each IPv4 address of `interfaces`, send this host a datagram by unicast and one by broadcast. Return which arrive.

    This waits up to `ECHO_SECONDS`. The result has an `Echo` for each address, but at most `PLACES_MAX`. It is empty if this
    machine has no IPv4. The datagrams contain `token`, `ECHO_TOKEN_BYTES` random bytes. They come from the UDP `port` if
    it is free.
    """
    places = [(interface.name, *pair) for interface in interfaces for pair in interface.broadcasts][:PLACES_MAX]
    errors: list[str | None] = []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        try:
            receiver.bind(("", 0))
        except OSError:
            return []
        receiver.setblocking(False)
        for number, (_, address, broadcast) in enumerate(places):
            marks = [token + bytes((number, by_broadcast)) for by_broadcast in (0, 1)]
            errors.append(_send(address, broadcast, receiver.getsockname()[1], marks, port))
        wanted = {(number, by_broadcast) for number in range(len(places)) for by_broadcast in (0, 1)}
        heard = _heard(receiver, token, wanted)
    return [
        Echo(name, address, (number, 0) in heard, (number, 1) in heard, errors[number])
        for number, (name, address, _) in enumerate(places)
    ]


def _send(address: str, broadcast: str, to_port: int, marks: list[bytes], port: int) -> str | None:
    """Send two datagrams to the UDP port `to_port`: the first of `marks` to `address`, the second to `broadcast`.

    Both come from `address` and, if it is free, from the UDP `port`. Returns None if the second was sent, or else the text of
    the system's error.
    """
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            sender.bind((address, port))
        except OSError:
            with suppress(OSError):
                sender.bind((address, 0))
        with suppress(OSError):
            sender.sendto(marks[0], (address, to_port))
        try:
            sender.sendto(marks[1], (broadcast, to_port))
        except OSError as error:
            return error.strerror
    return None


def _heard(receiver: socket.socket, token: bytes, wanted: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Receive datagrams at `receiver` until all `wanted` ones are there, or `ECHO_SECONDS` have passed. Return which are there.

    Each datagram consists of `token` and two further bytes. In `wanted` and in the result, these two bytes stand for it.
    """
    heard: set[tuple[int, int]] = set()
    until = time.monotonic() + ECHO_SECONDS
    while heard != wanted and (left := until - time.monotonic()) > 0:
        if select.select([receiver], [], [], left)[0]:
            data = receiver.recv(ECHO_TOKEN_BYTES + 3)
            if data[:ECHO_TOKEN_BYTES] == token and len(data) == ECHO_TOKEN_BYTES + 2:
                heard.add((data[-2], data[-1]))
    return heard
