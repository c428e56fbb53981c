"""The pages of bursts whose READs have not all arrived yet: a server keeps each page until the READ that it answers arrives.

On a slow network, or on one that delays each datagram differently, the READs of a burst do not arrive together. The server
makes all pages of the burst when the first READs arrive, sends as many as READs have arrived, and keeps the others. It keeps
only the pages of the latest bursts. If a READ of an earlier burst arrives, the server answers it as if it began the burst.
"""

from collections import deque
from collections.abc import Collection, Iterable

from udpnote.protocol.envelope import Envelope, Requester

KEPT_BURSTS_MAX = 1024
"""The most bursts whose pages are kept: two for each of 512 readers, more than a LAN has."""

KEPT_PAGES_MAX = 4096
"""The most pages that are kept, of all bursts together: 5 MiB, so that nobody can fill the memory."""

BurstNumber = tuple[Requester, bytes, int]
"""A burst of a requester: the stream id and the number of its READs."""


class KeptPages:
    """The pages that were made for bursts, and which no READ has asked for yet, as datagrams."""

    def __init__(self) -> None:
        self._bursts: dict[BurstNumber, deque[bytes]] = {}
        """The oldest burst comes first. A burst stays when its last page is taken, so that a READ which the network has
        duplicated does not begin the burst again."""
        self._pages = 0

    def keep(self, burst: BurstNumber, pages: Iterable[bytes]) -> None:
        """Keep `pages`, in order, for the READs of `burst` that are still to come. Forget the oldest bursts if there are too
        many.
        """
        self._forget(burst)
        self._bursts[burst] = deque(pages)
        self._pages += len(self._bursts[burst])
        while len(self._bursts) > KEPT_BURSTS_MAX or self._pages > KEPT_PAGES_MAX:
            self._forget(next(iter(self._bursts)))

    def take(self, burst: BurstNumber) -> list[bytes] | None:
        """Return and forget the next page of `burst`, as a list with one element. The list is empty if the burst has no page
        left.

        Returns None if no pages were kept for this burst yet, or if they were forgotten. Then the READ needs a lookup.
        """
        pages = self._bursts.get(burst)
        if pages is None:
            return None
        if not pages:
            return []
        self._pages -= 1
        return [pages.popleft()]

    def forget_other_envelopes(self, envelopes: Collection[Envelope]) -> None:
        """Forget the bursts that came in other envelopes than `envelopes`."""
        for burst in [each for each in self._bursts if each[0].envelope not in envelopes]:
            self._forget(burst)

    def _forget(self, burst: BurstNumber) -> None:
        self._pages -= len(self._bursts.pop(burst, ()))
