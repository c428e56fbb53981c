"""Captures the datagrams between a host and its switch as they are on the cable."""

import socket
import struct
import subprocess
import sys
from typing import NamedTuple

from tests.system.lab import Host, Switch

BUFFER_BYTES = 32 << 20
"""Room for everything that passes between two calls of `Capture.datagrams`."""

# Constants that Python's module `socket` lacks, from linux/if_ether.h, linux/if_packet.h and asm-generic/socket.h.
_ALL_PROTOCOLS = 3
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_SO_RCVBUFFORCE = 33

_OPENER = """
import socket, sys
with socket.socket(fileno=int(sys.argv[1])) as ours:
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    socket.send_fds(ours, [b"-"], [packets.fileno()])
"""
"""Run in the namespace: it makes the socket, which then stays in that namespace, and sends it to the tests' process."""

_IPV4, _IPV6 = 0x0800, 0x86DD
_ETHERNET_BYTES, _IPV6_BYTES, _UDP_BYTES = 14, 40, 8


class Datagram(NamedTuple):
    """A UDP datagram: the hardware addresses and the ports of its sender and its receiver, and its payload."""

    source: str
    source_port: int
    target: str
    target_port: int
    data: bytes


class Capture:
    """Captures each datagram between `host` and `switch` once, in either direction, from its construction on."""

    def __init__(self, switch: Switch, host: Host) -> None:
        self._packets = _open_inside(switch.namespace)
        self._packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
        self._packets.bind((f"port{host.number}", _ALL_PROTOCOLS))
        self._packets.setblocking(False)

    def datagrams(self) -> list[Datagram]:
        """What has passed since the last call."""
        passed = []
        while True:
            try:
                frame = self._packets.recv(1 << 16)
            except BlockingIOError:
                break
            datagram = _parse(frame)
            if datagram is not None:
                passed.append(datagram)
        _, dropped = struct.unpack("II", self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        assert not dropped, f"{dropped} frames have passed unseen"
        return passed

    def close(self) -> None:
        self._packets.close()


def _open_inside(namespace: str) -> socket.socket:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = ["ip", "netns", "exec", namespace, sys.executable, "-c", _OPENER, str(theirs.fileno())]
        subprocess.run(command, pass_fds=[theirs.fileno()], check=True, timeout=30)
        _, [handed_over], _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=handed_over)


def _parse(frame: bytes) -> Datagram | None:
    """The UDP datagram in an Ethernet frame; None if there is another thing in it."""
    [ether_type] = struct.unpack_from(">H", frame, 12)
    packet = frame[_ETHERNET_BYTES:]
    if ether_type == _IPV4:
        protocol, start = packet[9], 4 * (packet[0] & 15)
    elif ether_type == _IPV6:
        protocol, start = packet[6], _IPV6_BYTES
    else:
        return None
    if protocol != socket.IPPROTO_UDP:
        return None
    source_port, target_port, size = struct.unpack_from(">HHH", packet, start)
    data = packet[start + _UDP_BYTES : start + size]
    return Datagram(frame[6:12].hex(":"), source_port, frame[:6].hex(":"), target_port, data)


def hardware_address(host: Host) -> str:
    """The address of the host's first interface, as frames carry it."""
    words = host.ip("-o", "link", "show", "dev", "eth0").split()
    return words[words.index("link/ether") + 1]
