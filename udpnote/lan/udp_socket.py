"""Sends and receives datagrams, several in one system call where the system supports that.

A group is a sequence of datagrams of equal size to or from one address. On Linux, one call sends a group (UDP_SEGMENT), and one
call receives a group whose datagrams have arrived together (UDP_GRO); see udp(7). On other systems, and on interfaces that do
not support this, each datagram takes a call of its own. `send` and `receive` do not raise errors of the network: a datagram
that the system cannot send counts as lost. The protocol sends it again when its retransmission timer fires.
"""

import errno
import os
import selectors
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from weakref import WeakSet

from udpnote.errors import OUT_OF_FILES, AddressInUse, AddressUnavailable, TooManyOpenFiles
from udpnote.model.address import DATAGRAM_BYTES_MAX, Address, Datagram

BATCH_DATAGRAMS_MAX = 1024
"""About the most datagrams that one `Endpoint.receive` returns; a server stores their entries in one commit. There may be a few
more, because a group is not cut."""

BUFFER_BYTES = 4 << 20
"""The size that a socket asks for its send buffer and its receive buffer in the kernel. The full congestion windows of several
clients fit into it. The system may grant less."""

FIRST_PORT_OF_USERS = 1024
"""The first port at which others than root may listen, unless the system was set up otherwise (ip(7))."""

SEND_WAIT_SECONDS = 0.05
"""How long `send` waits for room in a full send buffer before the datagram counts as lost."""

_IS_LINUX = sys.platform == "linux"
_UDP_SEGMENT, _UDP_GRO = 103, 104  # <linux/udp.h>; the socket module has no names for them before 3.14
_SEGMENTS_MAX = 64  # UDP_MAX_SEGMENTS of older kernels; newer ones have 128
_SEGMENTED_BYTES_MAX = 65_000  # below the largest UDP payload, 65,507 bytes
_CANNOT_SEGMENT = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP)  # no checksum offload, or a small MTU
_RECEIVE_BYTES = 1 << 16
_KEPT_BYTES_MAX = DATAGRAM_BYTES_MAX + 1  # one byte too many shows that the datagram is too long; the rest is dropped
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # <linux/in.h>, <linux/in6.h>; the socket module has no names for them
_ERROR_BYTES = 512  # room for a `struct sock_extended_err` and the address that reported it
_EXTENDED_ERROR = struct.Struct("@I3B9x")  # errno, origin, type and code of this struct; the address follows
_ICMP_ORIGINS = (2, 3)  # SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6 of <linux/errqueue.h>
_PROHIBITED = {(2, 3, 9), (2, 3, 10), (2, 3, 13), (3, 1, 1)}  # origin, type and code: "administratively prohibited"
_NOT_OWN_ADDRESS = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.EAFNOSUPPORT)  # ENODEV: not its interface
_ANCILLARY_BYTES = 64  # room for one control message with an int
_SEGMENT_SIZE = struct.Struct("@H")
_GRO_SIZE = struct.Struct("@i")


def format_address(address: Address) -> str:
    """`address` with its port, as people write it: `192.168.1.5:6683`, `[fe80::1%eth0]:6683`."""
    if len(address) == 2:
        return f"{address[0]}:{address[1]}"
    return f"[{format_host(address)}]:{address[1]}"


def format_host(address: Address) -> str:
    """`address` without its port, as people write it: `192.168.1.5`, `fe80::1%eth0`.

    An IPv6 scope id is shown as the name of its interface, or as a number if no interface has it.
    """
    if len(address) == 2 or not address[3] or "%" in address[0]:
        return address[0]
    try:
        return f"{address[0]}%{socket.if_indextoname(address[3])}"
    except OSError:
        return f"{address[0]}%{address[3]}"


@contextmanager
def opening_sockets() -> Iterator[None]:
    """For a `with` block that opens sockets: if too many files are open, raise `TooManyOpenFiles` instead of `OSError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_FILES:
            raise
        raise TooManyOpenFiles("too_many_open_files", problem=error.strerror) from error


def cannot_listen(address: Address, error: OSError) -> AddressInUse | AddressUnavailable:
    """Return the error to raise if the system refused, with `error`, to let a server or page listen at `address`."""
    if error.errno == errno.EADDRINUSE:
        return AddressInUse("port_taken", port=address[1], address=format_address(address))
    if error.errno in _NOT_OWN_ADDRESS:
        return AddressUnavailable("not_an_own_address", host=format_host(address))
    if error.errno == errno.EACCES and 0 < address[1] < FIRST_PORT_OF_USERS:
        return AddressUnavailable("port_for_root", address=format_address(address), first=FIRST_PORT_OF_USERS)
    return AddressUnavailable("cannot_listen", address=format_address(address), reason=error.strerror)


class SendError(NamedTuple):
    """Why a datagram was not sent or delivered: `number` is the errno.

    If `came_by_icmp` is false, this system itself has refused to send. If it is true, the error is only a hint, because anybody
    can forge ICMP messages (RFC 8085 §5.2). `is_prohibition` says that a firewall or a router forbids the datagram: the ICMP
    message says so, or the ICMP message comes from the destination although it says that the destination cannot be reached.
    """

    number: int
    came_by_icmp: bool
    is_prohibition: bool = False


def _send_error(extended_error: bytes, address: Address) -> SendError:
    """The error that the system reports about a datagram to `address`.

    `extended_error` has a `struct sock_extended_err`, then the address of the host that reports the error.
    """
    number, origin, *type_and_code = _EXTENDED_ERROR.unpack_from(extended_error)
    reporter = extended_error[_EXTENDED_ERROR.size :]  # a `struct sockaddr_in` or `sockaddr_in6`
    if ":" in address[0]:
        is_of_host = reporter[8:24] == socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0])
    else:
        is_of_host = reporter[4:8] == socket.inet_pton(socket.AF_INET, address[0])
    is_prohibition = (origin, *type_and_code) in _PROHIBITED or (number == errno.EHOSTUNREACH and is_of_host)
    return SendError(number, origin in _ICMP_ORIGINS, is_prohibition)


_all: "WeakSet[UdpSocket]" = WeakSet()


def _close_all() -> None:
    for each in list(_all):
        each.close()


os.register_at_fork(after_in_child=_close_all)


class UdpSocket:
    """One non-blocking UDP socket, which sends and receives groups of datagrams. The hop limit of its multicasts is 1, which is
    the default (RFC 3493 §5.2). In a child process that `os.fork` makes, the socket is closed, so that it does not keep its
    port.

    The constructor raises `TooManyOpenFiles`, and `OSError` if this machine does not have the address family.
    """

    def __init__(self, family: socket.AddressFamily) -> None:
        with opening_sockets():
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        _all.add(self)
        self._socket.setblocking(False)
        self._buffer = bytearray(_RECEIVE_BYTES)
        self._view = memoryview(self._buffer)
        self._can_segment = _IS_LINUX  # whether one call may send a group
        if family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with suppress(OSError):  # the system refuses: with its default size, more datagrams are lost
                self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._is_merging = self._enable_merging()  # whether one call may receive a group
        self._records_errors = False
        self.unsent = 0
        """How many datagrams the system has refused to send with EPERM, for example because of a firewall."""
        self._errors: dict[Address, SendError] = {}

    def record_errors(self) -> None:
        """From now on, record for `errors` why datagrams could not be sent or delivered.

        Only Linux reports failed deliveries.
        """
        self._records_errors = True
        if _IS_LINUX:
            is_ipv6 = self._socket.family == socket.AF_INET6
            level, option = (socket.IPPROTO_IPV6, _IPV6_RECVERR) if is_ipv6 else (socket.IPPROTO_IP, _IP_RECVERR)
            self._socket.setsockopt(level, option, 1)

    def errors(self) -> dict[Address, SendError]:
        """Return and forget the errors: for each address to which a datagram could not be sent or delivered, the latest one."""
        errors, self._errors = self._errors, {}
        return errors

    def _take_delivery_errors(self) -> bool:
        """Record the errors that have come by ICMP (`IP_RECVERR` in ip(7)). Returns whether there were any."""
        count = 0
        with suppress(OSError):  # there are no more
            while self._records_errors and _IS_LINUX:
                _, control, _, address = self._socket.recvmsg(1, _ERROR_BYTES, socket.MSG_ERRQUEUE)
                count += 1
                for _, kind, value in control:
                    if kind in (_IP_RECVERR, _IPV6_RECVERR):
                        self._errors[address] = _send_error(value, address)
        return bool(count)

    def _enable_merging(self) -> bool:
        """Ask Linux to return groups of received datagrams in one call (UDP_GRO). Returns whether it agrees."""
        if not _IS_LINUX:
            return False
        try:
            self._socket.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        except OSError:  # Linux before 5.0
            return False
        return True

    def fileno(self) -> int:
        """The socket's descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def address(self) -> Address:
        """The address that the socket is bound to."""
        address: Address = self._socket.getsockname()
        return address

    def bind(self, address: Address) -> None:
        """Bind the socket to `address`. Raises `OSError` if the address is in use or is not this machine's."""
        self._socket.bind(address)

    def join(self, group: str, interface_index: int) -> bool:
        """Join the IPv6 multicast `group` on the interface with the index `interface_index`.

        Returns True if this call has joined it. Returns False if the interface has no IPv6 or has joined the group before.
        """
        request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", interface_index)
        try:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        except OSError:  # no IPv6 there, or joined before
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, data: bytes, address: Address) -> str | None:
        """Send the datagram `data` to `address`. Returns None or, if it could not be sent, the system's error text."""
        error = self._send_buffers([data], [], address)
        return None if error is None else error.strerror or str(error)

    def send_group(self, group: Sequence[bytes], address: Address) -> None:
        """Send the datagrams of a group to `address`, in one call if possible. Datagrams that cannot be sent are dropped.

        If the system cannot send a group in one call, later groups are sent one datagram at a time, too.
        """
        if len(group) > 1 and self._can_segment:
            control = [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT_SIZE.pack(len(group[0])))]
            error = self._send_buffers(group, control, address)
            if error is None:
                return
            self._can_segment = error.errno not in _CANNOT_SEGMENT
        for data in group:
            self.send(data, address)

    def _send_buffers(
        self, buffers: Sequence[bytes], control: list[tuple[int, int, bytes]], address: Address
    ) -> OSError | None:
        """Send `buffers`, the bytes of one datagram or of several, to `address` in one call. Return the error; None if sent.

        `control` is the ancillary data for `sendmsg`. If the send buffer is full, this waits up to `SEND_WAIT_SECONDS` and
        tries once more. The system may instead report an error that came by ICMP, about an earlier datagram. In this case, this
        tries once more at once. If the error means that a firewall of this host forbids sending (EPERM), the error counts in
        `unsent`. If `_records_errors` is true, the error is recorded for `address`, or for the address of the earlier datagram.
        """
        try:
            try:
                self._socket.sendmsg(buffers, control, 0, address)
            except BlockingIOError:
                _wait_until_writable(self._socket)
                self._socket.sendmsg(buffers, control, 0, address)
            except OSError:
                if not self._take_delivery_errors():
                    raise
                self._socket.sendmsg(buffers, control, 0, address)  # the error was about an earlier datagram
        except OSError as error:
            self.unsent += error.errno == errno.EPERM
            # EPERM never comes by ICMP. If a firewall of this host rejects a datagram, there is also an ICMP message about it.
            came_by_icmp = self._take_delivery_errors() and error.errno != errno.EPERM
            if self._records_errors and not came_by_icmp and error.errno is not None:
                self._errors[address] = SendError(error.errno, came_by_icmp=False)
            return error
        return None

    def receive(self, datagrams_max: int) -> list[Datagram]:
        """Return the datagrams that have arrived, each with its sender's address. This does not wait.

        The list has at most `datagrams_max` datagrams, or a few more, because a group is not cut. Of a datagram that is longer
        than `DATAGRAM_BYTES_MAX`, it has only the first `DATAGRAM_BYTES_MAX` + 1 bytes.
        """
        datagrams: list[Datagram] = []
        receive = self._receive_merged if self._is_merging else self._receive_one
        try:
            while len(datagrams) < datagrams_max:
                receive(datagrams)
        except BlockingIOError:
            pass
        except OSError:  # an error that came by ICMP; the next call returns the datagrams that have arrived after it
            self._take_delivery_errors()
        return datagrams

    def _receive_one(self, datagrams: list[Datagram]) -> None:
        """Receive one datagram, and append it to `datagrams`. Raises `BlockingIOError` if there is none."""
        datagrams.append(self._socket.recvfrom(_KEPT_BYTES_MAX))

    def _receive_merged(self, datagrams: list[Datagram]) -> None:
        """Receive the datagrams of one group, and append them to `datagrams`. Raises `BlockingIOError` if there are none."""
        size, control, _, source = self._socket.recvmsg_into([self._buffer], _ANCILLARY_BYTES)
        segment = size
        for level, kind, value in control:
            if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
                segment = _GRO_SIZE.unpack(value)[0]
        received = self._view
        if segment >= size:
            datagrams.append((bytes(received[: min(size, _KEPT_BYTES_MAX)]), source))
            return
        kept = min(segment, _KEPT_BYTES_MAX)
        datagrams += [(bytes(received[start : min(start + kept, size)]), source) for start in range(0, size, segment)]


def _wait_until_writable(sock: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        selector.select(SEND_WAIT_SECONDS)


def groups(datagrams: Sequence[Datagram]) -> list[tuple[Address, list[bytes]]]:
    """Group `datagrams`, in their order, into groups that one call can send: (address, datagrams) for each group."""
    if len(datagrams) <= 1:  # grouping would take longer than all else that `send` does before its system call
        return [(address, [data]) for data, address in datagrams]
    found: list[tuple[Address, list[bytes]]] = []
    for address, to_address in groupby(datagrams, key=itemgetter(1)):
        for size, of_size in groupby([data for data, _ in to_address], key=len):
            group = list(of_size)
            length_max = max(1, min(_SEGMENTS_MAX, _SEGMENTED_BYTES_MAX // size)) if size else 1
            found += [(address, group[start : start + length_max]) for start in range(0, len(group), length_max)]
    return found
