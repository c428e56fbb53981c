"""Takes texts from the iterator of a caller: which ones, how many at a time, whether they are valid, and which entries they
become.
"""

from collections.abc import Callable, Iterator

from udpnote.errors import InvalidEntry
from udpnote.model.entry import Kind, SeenEntry, WritingTime, check_text

PENDING_ENTRIES_MAX = 512
PENDING_CHARACTERS_MAX = 4 << 20
"""A call takes no further texts while more than `PENDING_ENTRIES_MAX` of its entries have no outcome, or while those without an
outcome have `PENDING_CHARACTERS_MAX` characters. More entries at a time would hardly be faster, and other clients wait while a
server stores all that has arrived."""

CHUNK_TEXTS_MIN = 128
CHUNK_TEXTS_MAX = 512
"""How many texts a call adds to the outbox in one transaction, if its iterator has so many: at first `CHUNK_TEXTS_MIN`, then
twice as many each time, up to `CHUNK_TEXTS_MAX`.

The larger the transactions, the less time they take for each text. But some iterators give a None while too many of their texts
have no outcome. After a None, a call adds only half as many texts as were under way. So it adds one half while the server
stores the other.
"""

HELD_SECONDS_MAX = 0.05
"""A call that has taken texts for longer than this takes no further text for its transaction. So the texts of a slow iterator,
such as one that reads a sensor, are not held back until there are `CHUNK_TEXTS_MIN` of them. Before the call asks such an
iterator again, it waits for a datagram: an answer gives the caller an outcome, perhaps long before the next text."""


ALONE_TEXTS = 8
"""After a slow text, a call saves and sends so many texts one by one: an iterator that blocks may give only a few texts before
it blocks again, such as what a sensor has measured at one moment."""


class TextSource:
    """Takes texts from the iterator `texts`, and checks them. A None from it means that it has no text for the moment.

    Each text becomes an entry of the given `kind`, with the given `revises` and `seen` (see `Entry`). If `seen` is None,
    `Outbox.add` decides what a revision or deletion has seen. All entries count as written at the time `written` or, if that is
    None, each at the time at which it is saved in the outbox. If `undoes` is not 0, there is only one text. Its entry takes
    back the write with the sequence `undoes`.

    `is_exhausted` becomes True at the end of the iterator and at the first invalid text. `error` is None until an invalid text
    comes. Then it is the `InvalidEntry`, or the `TypeError` for a text that is no str. With `is_checked`, texts are not checked
    here: the caller has checked them, or they are those of deletions.

    `may_block` says that the iterator may wait for its next text. In this case, `take` takes the first text alone, and so it
    does with the `ALONE_TEXTS` (8) texts after a slow one: a text does not wait in the client until the next one comes.
    """

    def __init__(
        self,
        texts: Iterator[str | None],
        *,
        kind: Kind = Kind.NOTE,
        revises: int = 0,
        seen: SeenEntry | None = None,
        written: WritingTime | None = None,
        undoes: int = 0,
        is_checked: bool = False,
        may_block: bool = False,
    ) -> None:
        self._texts = texts
        self._is_checked = is_checked
        self._may_block = may_block
        self._alone = int(may_block)
        """How many of the next texts are taken alone."""
        self._chunk = CHUNK_TEXTS_MIN
        """How many texts the next transaction has, if the iterator has so many."""
        self.kind = kind
        self.revises = revises
        self.seen = seen
        self.written = written
        self.undoes = undoes
        self.is_exhausted = False
        self.error: InvalidEntry | TypeError | None = None

    def take(self, taken: list[str], under_way: int, characters_under_way: int, now: Callable[[], float]) -> bool:
        """Take the next texts from the iterator and add them to the empty list `taken`, which may stay empty.

        Returns True if the iterator may have another text ready: then the caller should not wait for datagrams before it takes
        again. `under_way` entries of the call have no outcome yet. Together they have `characters_under_way` characters. If
        either is too many (see `PENDING_ENTRIES_MAX`), this takes no text. `now` returns the monotonic time in seconds.

        Stops at a None, which is taken but not added, at an invalid text, and at the end of the iterator. It also stops when
        the texts are enough for one transaction, or took too long (see `HELD_SECONDS_MAX`), and after a text that is taken
        alone. For an invalid text, this sets `error` and raises nothing. Raises the errors of the iterator; then `taken` has
        the texts before the error.
        """
        characters_left = PENDING_CHARACTERS_MAX - characters_under_way
        if self.is_exhausted or under_way > PENDING_ENTRIES_MAX or characters_left <= 0:
            return False
        held_until = now() + HELD_SECONDS_MAX
        texts_max = 1 if self._alone else self._chunk
        clock_at = 1  # the number of taken texts at which the clock is read next
        for text in self._texts:  # a `for` goes on with the iterator where the last call has stopped
            if text is None:
                self._chunk = max(CHUNK_TEXTS_MIN, min(CHUNK_TEXTS_MAX, (under_way + len(taken)) // 2))  # see these constants
                return False
            try:
                if not self._is_checked:
                    check_text(text)
            except (InvalidEntry, TypeError) as error:
                self.error = error
                break
            taken.append(text)
            characters_left -= len(text)
            if len(taken) == clock_at:
                if now() > held_until:
                    self._alone = ALONE_TEXTS if self._may_block else 0
                    return False
                # To read the clock takes a while. So it is read after each text only if the iterator may block.
                clock_at = clock_at + 1 if self._may_block else min(2 * clock_at, texts_max)
            if len(taken) == texts_max:
                return self._end_full_transaction()
            if characters_left <= 0:
                return False
        self.is_exhausted = True
        return False

    def _end_full_transaction(self) -> bool:
        """Record that a transaction has as many texts as it may have. Returns what `take` returns.

        If its only text was taken alone, one text less is to be taken alone from now on. If not, the next transaction may have
        twice as many texts.
        """
        if self._alone:
            self._alone -= 1
            return False
        self._chunk = min(CHUNK_TEXTS_MAX, 2 * self._chunk)
        return True
