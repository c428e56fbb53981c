"""The server's side of an examination: which datagrams of an examiner have arrived, and which hosts were heard lately.

`udpnote doctor` is the examiner. It sends EXAMINEs in several ways (by broadcast from each interface, by unicast, short and
long), and compares the ways that it used with the ways that the server reports. The server sends a REPORT to the source address
of the EXAMINE, in the same envelope, with the same length. So a REPORT does not amplify traffic, and the server of a sealed
notebook answers only clients that have its key.
"""

from udpnote.model.address import Address, is_loopback
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.codec.examination import HEARD_HOSTS_MAX, heard_hosts_max
from udpnote.protocol.envelope import Requester
from udpnote.protocol.examination_messages import Examine, HeardHost, Report

UNSENT_MICROSECONDS = 60_000_000
"""If the system has refused to send an answer, REPORTs say so for this long after the latest refusal. After that, the
cause, such as a firewall, was probably corrected."""

EXAMINATIONS_MAX = 64
"""The number of examinations that a server remembers: the latest ones, which may still be running."""

_UINT32_MAX = 0xFFFFFFFF
_INT64_MAX = (1 << 63) - 1


class Reporter:
    """Answers the EXAMINEs of `udpnote doctor` for a server that has the notebook `notebook_id`.

    `server_id` is random, and new for each start of a server. The reporter remembers the latest `EXAMINATIONS_MAX`
    examinations, and the latest `HEARD_HOSTS_MAX` hosts that have sent a DISCOVER or an EXAMINE.
    """

    def __init__(self, *, notebook_id: bytes, server_id: bytes) -> None:
        self._notebook_id = notebook_id
        self._server_id = server_id
        self._heard: dict[bytes, int] = {}
        """For the token of each examination: the ways that have arrived, as the bit mask of a `Report`."""
        self._hosts: dict[tuple[str, int], tuple[int, int]] = {}
        """For each host and scope: the time of the latest datagram, and how many datagrams have come."""
        self._now = 0
        self._unsent = self._unsent_at = 0

    def begin_batch(self, now: int, unsent: int) -> None:
        """Set the server's time to `now`, in microseconds since 1970 UTC, for all datagrams until the next call.

        `unsent` is how many answers the system has refused to send since the server started.
        """
        self._now = now
        if unsent != self._unsent:
            self._unsent, self._unsent_at = unsent, now

    def record_heard(self, source: Address) -> None:
        """Record that a DISCOVER or an EXAMINE has come from `source`."""
        host = source[0], source[3] if len(source) == 4 else 0
        _, count = self._hosts.pop(host, (0, 0))
        self._hosts[host] = self._now, min(count + 1, _UINT32_MAX)
        _forget_oldest(self._hosts, HEARD_HOSTS_MAX)

    def answer(self, examine: Examine, requester: Requester) -> bytes:
        """Record that `examine` has come from `requester`, and return the datagram with the REPORT that answers it.

        The REPORT names the hosts that were heard lately only if `requester` is on this machine.
        """
        source = requester.address
        self.record_heard(source)
        heard = self._heard.pop(examine.token, 0) | 1 << examine.way
        self._heard[examine.token] = heard
        _forget_oldest(self._heard, EXAMINATIONS_MAX)
        heard_hosts = self._heard_hosts()[: heard_hosts_max(examine.body_bytes)] if is_loopback(source) else ()
        unsent = min(self._unsent, _UINT32_MAX) if self._now - self._unsent_at <= UNSENT_MICROSECONDS else 0
        report = Report(
            examine.token, examine.way, heard, self._notebook_id, self._server_id, min(max(self._now, 0), _INT64_MAX),
            source[0], source[1], unsent, heard_hosts, examine.body_bytes,
        )  # fmt: skip
        return encode(report, requester.envelope)

    def _heard_hosts(self) -> tuple[HeardHost, ...]:
        """The hosts that were heard lately, the latest first, without this machine's loopback addresses."""
        return tuple(
            HeardHost(host, scope, min(max(0, self._now - heard_at) // 1_000_000, _UINT32_MAX), count)
            for (host, scope), (heard_at, count) in reversed(self._hosts.items())
            if not is_loopback((host, 0))
        )


def _forget_oldest(table: dict[bytes, int] | dict[tuple[str, int], tuple[int, int]], length_max: int) -> None:
    """Remove the first key of `table`, which is the oldest, if `table` has more than `length_max` keys."""
    if len(table) > length_max:
        table.pop(next(iter(table)))  # type: ignore[call-overload]  # the key comes from the same table
