"""Captures the datagrams between a host and its switch as they are on the cable."""

import socket
import struct
from typing import NamedTuple

from tests.system.lab import Host, Switch, socket_in

BUFFER_BYTES = 32 << 20
"""Room for everything that passes between two calls of `Capture.datagrams`."""

# Constants that Python's module `socket` lacks, from linux/if_ether.h, linux/if_packet.h and asm-generic/socket.h.
_ALL_PROTOCOLS, _SOL_PACKET, _PACKET_STATISTICS, _SO_RCVBUFFORCE = 3, 263, 6, 33
_ETHERNET_BYTES, _IPV6_BYTES, _UDP_BYTES = 14, 40, 8


class Datagram(NamedTuple):
    """A UDP datagram: the hardware addresses of its sender and its receiver, the receiver's port, and the payload."""

    source: str
    target: str
    target_port: int
    data: bytes


class Capture:
    """Captures each datagram between `host` and `switch` once, in either direction, from its construction on."""

    def __init__(self, switch: Switch, host: Host) -> None:
        self._packets = socket_in(switch.namespace, socket.AF_PACKET, socket.SOCK_RAW)
        self._packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
        self._packets.bind((f"port{host.number}", _ALL_PROTOCOLS))
        self._packets.setblocking(False)
        self.close = self._packets.close

    def datagrams(self) -> list[Datagram]:
        passed = []
        while True:
            try:
                frame = self._packets.recv(1 << 16)
            except BlockingIOError:
                break
            if (datagram := _parse(frame)) is not None:
                passed.append(datagram)
        _, dropped = struct.unpack("II", self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        assert not dropped, f"{dropped} frames have passed unseen"
        return passed


def _parse(frame: bytes) -> Datagram | None:
    """The UDP datagram, or its beginning, in an Ethernet frame; None if there is another thing in it."""
    packet = frame[_ETHERNET_BYTES:]
    match frame[12:14]:
        case b"\x08\x00" if not int.from_bytes(packet[6:8]) & 0x1FFF:  # IPv4, and no fragment but perhaps the first
            protocol, start = packet[9], 4 * (packet[0] & 15)
        case b"\x86\xdd":  # IPv6
            protocol, start = packet[6], _IPV6_BYTES
        case _:
            return None
    if protocol != socket.IPPROTO_UDP:
        return None
    target_port, size = struct.unpack_from(">HH", packet, start + 2)
    return Datagram(frame[6:12].hex(":"), frame[:6].hex(":"), target_port, packet[start + _UDP_BYTES : start + size])


def hardware_address(host: Host) -> str:
    """The address of the host's first interface, as frames carry it."""
    words = host.ip("-o", "link", "show", "dev", "eth0").split()
    return words[words.index("link/ether") + 1]
