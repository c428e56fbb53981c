"""READ and PAGE, the messages of reading, as immutable values; `codec` converts them to bytes and back.

A reader sends READs, and a server answers each of them with a PAGE. A cursor is a place in the results of a query (see `Cursor`
in `model.query`). A burst is a group of identical READs; the page for each READ begins where the page before it ends. A reader
that waits for new results, after it has read all others, is a follower.
"""

from enum import IntEnum
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, SeenEntry, StoredEntry
from udpnote.model.query import Cursor, Query, Tally

STREAM_ID_BYTES = 8
"""The length of a stream id: 64 random bits. A reader recognizes the PAGEs that answer its READs by the stream id."""


class PageState(IntEnum):
    """Whether more results follow a page, or why the server has sent a page without items."""

    MORE = 1
    """There may be more results after this page: the reader shall ask again from the page's `next` on."""

    END = 2
    """The notebook has no more results at present."""

    WAITING = 3
    """The notebook has no more results at present. The server keeps the READ, and sends another page when there is a result."""

    INDEXING = 4
    """The search index has only the entries up to the number in the page's `indexed`: the reader shall ask again later.

    The server also answers a waiting READ with this state if only a search can find out whether there are results now. The
    reader then asks again with a READ that does not wait at the server.
    """

    WRONG_NOTEBOOK = 5
    """The server has another notebook than the one that the READ names."""

    BAD_QUERY = 6
    """The server cannot answer the query, because it is invalid."""

    OLDER_COPY = 8
    """The notebook lacks the entry in the READ's `seen`, so it was restored from an older copy."""

    KEY_CHANGED = 7
    """The READ is sealed with an earlier key, which the server no longer accepts. The PAGE is sealed with that key, too, so the
    reader can open it."""

    NOT_READABLE = 9
    """The server cannot read the notebook now, because its disk fails."""


class Read(NamedTuple):
    """Asks for one page of the results of `query` in the notebook, from `cursor` on.

    `stream_id` identifies the reading: all of its READs have the same one. Only a follower takes a new one, when it goes back
    after the notebook was restored. `burst` numbers the bursts of a reading from 1. The server sends at most `limit` entries in
    answer to one burst (0: no limit). If there is no result yet, the server may keep the READ for up to `wait_milliseconds`
    until there is one. `seen` is the latest entry before the cursor that a follower has read. If the notebook lacks that entry,
    the server answers `OLDER_COPY`. If `seen` is `NOTHING_SEEN`, the server does not check this. The burst has at least `pages`
    READs. The server builds the pages for this many READs, as far as there are results, even if fewer of them have arrived.
    """

    notebook_id: bytes
    stream_id: bytes
    burst: int
    cursor: Cursor
    limit: int
    wait_milliseconds: int
    query: Query
    seen: SeenEntry = NOTHING_SEEN
    pages: int = 1


class StoredPart(NamedTuple):
    """A part of an entry that is too long for one page.

    `data` is the piece of the text's UTF-8 that starts at the byte `offset`. The whole text has `total_bytes` bytes of UTF-8.
    `stored` has the other fields of the entry, and an empty text.
    """

    stored: StoredEntry
    total_bytes: int
    offset: int
    data: bytes

    def rest(self, offset: int) -> "StoredPart":
        """The same part without the bytes of the text before `offset`. The part must not begin after `offset`."""
        return self._replace(offset=offset, data=self.data[offset - self.offset :])


PageItem = StoredEntry | StoredPart | Tally


class Page(NamedTuple):
    """A server's answer to a READ: the results from the cursor `start` up to the cursor `next`.

    `stream_id` and `burst` are copied from the READ. `burst_end` is the cursor where the last page of the same burst ends.
    `newest` is the entry with the highest number in the notebook. It is `NOTHING_SEEN` if there are no entries, or if the
    server does not say. `indexed` is the highest number of an entry in the server's search index; it is 0 unless the state is
    `INDEXING`.
    """

    stream_id: bytes
    burst: int
    state: PageState
    start: Cursor
    next: Cursor
    burst_end: Cursor
    newest: SeenEntry
    indexed: int
    items: tuple[PageItem, ...]

    @property
    def last(self) -> int:
        """The highest number of an entry in the notebook; 0 if there are no entries, or if the page does not say it."""
        return self.newest.number
