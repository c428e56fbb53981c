"""Converts EXAMINEs and REPORTs to bytes and back."""

from struct import Struct

from udpnote.errors import BadDatagram
from udpnote.protocol.codec.fields import EXAMINE, HEADERS, REPORT, check_padding
from udpnote.protocol.envelope import BODY_BYTES_MAX
from udpnote.protocol.examination_messages import WAY_MAX, Examine, HeardHost, Report
from udpnote.protocol.messages import NOTEBOOK_ID_BYTES, SERVER_ID_BYTES, TOKEN_BYTES

_EXAMINE = Struct(f">4s{TOKEN_BYTES}sB")
_REPORT = Struct(f">4s{TOKEN_BYTES}sBQ{NOTEBOOK_ID_BYTES}s{SERVER_ID_BYTES}sq16sHIB")
_HEARD_HOST = Struct(">16sIII")

EXAMINE_BYTES_MIN = _REPORT.size
"""The length of the shortest EXAMINE's body. A REPORT without hosts has the same length, so the answer is never longer than the
question."""

HEARD_HOSTS_MAX = (BODY_BYTES_MAX - _REPORT.size) // _HEARD_HOST.size
"""The most hosts in one REPORT."""


def heard_hosts_max(body_bytes: int) -> int:
    """How many hosts fit into a REPORT whose body has `body_bytes` bytes."""
    return (body_bytes - _REPORT.size) // _HEARD_HOST.size


def examine_body(examine: Examine) -> bytes:
    """The body of an EXAMINE: a header, the fields of `examine`, and padding up to `examine.body_bytes`."""
    assert EXAMINE_BYTES_MIN <= examine.body_bytes <= BODY_BYTES_MAX, "a server would drop an EXAMINE of this length"
    return _EXAMINE.pack(HEADERS[EXAMINE], examine.token, examine.way).ljust(examine.body_bytes, b"\0")


def parse_examine(body: bytes) -> Examine:
    """The EXAMINE in `body`.

    Raises `BadDatagram` or `struct.error` if `body` breaks a rule of the protocol.
    """
    _, token, way = _EXAMINE.unpack_from(body)
    if way > WAY_MAX or len(body) < EXAMINE_BYTES_MIN:
        raise BadDatagram("malformed")
    check_padding(body, _EXAMINE.size)
    return Examine(token, way, len(body))


def report_body(report: Report) -> bytes:
    """The body of a REPORT: a header, the fields of `report`, and padding up to `report.body_bytes`."""
    body = _REPORT.pack(
        HEADERS[REPORT], report.token, report.way, report.heard, report.notebook_id, report.server_id, report.clock,
        _packed(report.source), report.source_port, report.unsent, len(report.heard_hosts),
    )  # fmt: skip
    for host, scope, seconds_ago, datagrams in report.heard_hosts:
        body += _HEARD_HOST.pack(_packed(host), scope, seconds_ago, datagrams)
    assert len(body) <= report.body_bytes, "a REPORT longer than its EXAMINE would amplify"
    return body.ljust(report.body_bytes, b"\0")


def parse_report(body: bytes) -> Report:
    """The REPORT in `body`.

    Raises `BadDatagram` or `struct.error` if `body` breaks a rule of the protocol.
    """
    _, token, way, heard, notebook_id, server_id, clock, source, source_port, unsent, count = _REPORT.unpack_from(body)
    if way > WAY_MAX:
        raise BadDatagram("malformed")
    end = _REPORT.size + count * _HEARD_HOST.size
    heard_hosts = tuple(
        HeardHost(_host(host), scope, seconds_ago, datagrams)
        for host, scope, seconds_ago, datagrams in _HEARD_HOST.iter_unpack(body[_REPORT.size : end])
    )
    report = Report(
        token, way, heard, notebook_id, server_id, clock, _host(source), source_port, unsent, heard_hosts, len(body)
    )
    check_padding(body, end)
    return report


def _packed(host: str) -> bytes:
    """The IP address `host` as 16 bytes. An IPv4 address becomes an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2)."""
    from ipaddress import ip_address  # here, because it is slow to import, and only an examination needs it

    address = ip_address(host.partition("%")[0])
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def _host(packed: bytes) -> str:
    """The IP address in `packed`, which has the format of `_packed`."""
    from ipaddress import IPv4Address, IPv6Address

    if packed[:12] == bytes(10) + b"\xff\xff":
        return str(IPv4Address(packed[12:]))
    return str(IPv6Address(packed))
