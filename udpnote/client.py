"""The client: finds notebooks and sends entries, blocking until they are acknowledged or known to be queued."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from random import Random, SystemRandom
from types import TracebackType
from typing import Self

from udpnote.courier import Courier, CourierEvent, Moved, Renewed, Searching, known_notebook
from udpnote.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN, Entry, Status, check_author, check_text
from udpnote.errors import ClientClosed, EntryRefused, InvalidSetting, Queued, ServerNotFound, UdpnoteError
from udpnote.lan.datagrams import format_address
from udpnote.lan.endpoint import Endpoint, ProbeAttempt
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.retransmission import WINDOW_MAX
from udpnote.searcher import FoundNotebook, Searcher, found_notebook, is_meant
from udpnote.sending import NOT_WAITED, SentEntry, Source, State, silence_reason
from udpnote.settings import load_settings
from udpnote.storage.outbox import KnownNotebook, Outbox, WaitingEntry

CHUNK_ENTRIES = 1024
"""How many entries are added to the outbox in one transaction: its fsync then costs each a microsecond."""

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How far the outbox runs ahead of the acknowledgements: enough to keep the window full, little to keep in memory."""

LOCATE_SECONDS_MIN = 0.3
"""Who does not want to wait for the answer waits that long to know where to send."""

IDLE_SECONDS = 1.0
"""How long a stream without entries sleeps at a time."""

LOCATE_PAUSE_SECONDS = 30.0
"""After a search that found nothing, how long entries are only queued before the next one."""

_Identity = tuple[bytes, int]
_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, once for every entry."""


class Client:
    """A client of the notebooks on this LAN.

    What is not given is taken from the environment, the settings file or the defaults, as by the `udpnote` command:
    `server` (HOST or HOST:PORT) to go there instead of searching, `port` to search at, `notebook_id` (an id, the start of
    one, or a name) to choose among several, `author`, `wait` seconds before an entry counts as queued, and `outbox`, the
    file that keeps entries until they are acknowledged. `window_max` limits the datagrams under way.

    `on_delivered` is called with each entry of an earlier command that was delivered meanwhile, `on_notice` with each
    message that whoever writes should see; neither may call the client.

    Methods block, and may be called from several threads. Raises `StorageError` if the outbox cannot be used, and
    `InvalidSetting`.
    """

    def __init__(
        self,
        *,
        server: str | None = None,
        port: int | None = None,
        notebook_id: str | None = None,
        author: str | None = None,
        wait: float | None = None,
        outbox: str | None = None,
        window_max: int = WINDOW_MAX,
        endpoint: Endpoint | None = None,
        on_delivered: Callable[[SentEntry], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        settings = load_settings({"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait})
        self._port, self._author, self._wait = settings.port, settings.author, settings.wait
        if window_max < 1:
            raise InvalidSetting(f"window_max must be at least 1, not {window_max}")
        self._window_max = window_max
        self._on_delivered = on_delivered or _ignore
        self._on_notice = on_notice or _ignore
        self._random: Random = SystemRandom()
        self._lock = threading.Lock()
        self._is_closed = False
        self._courier: Courier | None = None
        self._locate_again_at = 0.0
        self._awaited: dict[_Identity, SentEntry | None] = {}
        self._origins: dict[_Identity, _Identity] = {}
        self._outbox = Outbox(outbox if outbox is not None else settings.outbox)
        self._endpoint = endpoint if endpoint is not None else Endpoint.client()
        self._searcher = Searcher(
            self._endpoint,
            port=settings.port,
            names_port=port is not None,
            server=settings.server,
            wanted=settings.notebook_id,
            random=self._random,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and the outbox; what is not acknowledged stays in it."""
        if self._is_closed:
            return
        with self._turn():
            self._is_closed = True
            if self._courier is not None:
                self._courier.flush()
            self._endpoint.close()
            self._outbox.close()

    def wake(self) -> None:
        """End the wait of a call in another thread, so that it looks again at what it is to send."""
        self._endpoint.wake()

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._courier.retransmissions if self._courier is not None else 0

    @property
    def probe_attempts(self) -> list[ProbeAttempt]:
        """Where the latest probe went, and where it could not."""
        return self._searcher.attempts

    def send(self, text: str, *, author: str | None = None, wait: float | None = None) -> SentEntry:
        """Have `text` kept in the notebook and give the stored entry, with its number.

        Raises `InvalidEntry` before anything is done; `Queued` if no acknowledgement came within `wait` seconds (the entry
        is in the outbox, and a later call delivers it); `EntryRefused` if the notebook will never take it.
        """
        check_text(text)
        [sent] = self.send_many([text], author=author, wait=wait)
        if sent.state is State.QUEUED:
            raise Queued(str(sent.reason), sent.entry.client_id, sent.entry.sequence)
        if sent.state is State.REFUSED:
            raise EntryRefused(str(sent.reason))
        return sent

    def send_many(
        self, texts: Iterable[str | None], *, author: str | None = None, wait: float | None = None
    ) -> Iterator[SentEntry]:
        """Have each of `texts` kept, many under way at once, and give what became of each, in their order.

        A None among them says that there is nothing more for the moment: the call goes on with what is under way, and looks
        again when that is done or `wake` is called. After `wait` seconds without an answer entries count as queued, and
        whatever follows is only queued until the server is heard again.

        Raises `InvalidEntry` at the first text that no notebook would take, once all before it are through.
        """
        author = self._author if author is None else author
        check_author(author)
        return self._sending(Source(iter(texts)), author, self._wait if wait is None else _checked(wait))

    def deliver(self, wait: float | None = None) -> None:
        """Deliver what waits in the outbox for this client's notebook, until nothing does or `wait` seconds pass in silence.

        Each entry goes to `on_delivered`. Raises `ServerNotFound`, `SeveralNotebooks` or `WrongNotebook` if it is not known
        where to.
        """
        wait = self._wait if wait is None else _checked(wait)
        started = time.monotonic()
        with self._turn():
            courier = self._courier or self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            courier.look_into_outbox()
        self._finish(courier, started, wait)

    def waiting(self) -> list[WaitingEntry]:
        """What the outbox holds, for all notebooks."""
        with self._turn():
            return self._outbox.listing()

    def discard(self, sequences: Iterable[int]) -> int:
        """Remove entries from the outbox, durably; gives how many were there. What is on its way may still arrive."""
        with self._turn():
            return self._outbox.discard(sequences)

    def find(self, timeout: float = DISCOVERY_SECONDS) -> Iterator[FoundNotebook]:
        """The notebooks that answer within `timeout` seconds, as they answer; raises `ServerNotFound` for an unknown host."""
        until = time.monotonic() + timeout
        prober = self._searcher.start()
        while time.monotonic() < until:
            with self._turn():
                found = self._searcher.step(prober, until)
            yield from map(found_notebook, found)

    def chosen(self) -> KnownNotebook | None:
        """The notebook that entries go to, if there is one yet."""
        with self._turn():
            return self._outbox.chosen()

    def use(self, wanted: str) -> KnownNotebook:
        """Choose the notebook that entries go to from now on, by its name, its id or the start of that.

        Raises `ServerNotFound` if neither the outbox nor the LAN knows it, `SeveralNotebooks` if the name is not unique.
        """
        with self._turn():
            known = [notebook for notebook in self._outbox.notebooks() if is_meant(wanted, notebook)]
            if len(known) == 1:
                [notebook] = known
            else:
                notebook = known_notebook(self._searcher.locate(time.monotonic() + DISCOVERY_SECONDS, wanted=wanted))
                self._outbox.remember(notebook)
            self._outbox.choose(notebook.notebook_id)
            return notebook

    def _sending(self, source: Source, author: str, wait: float) -> Iterator[SentEntry]:
        pending: deque[Entry] = deque()
        try:
            yield from self._send_all(source, pending, author, wait)
        finally:
            for entry in pending:
                self._awaited.pop(entry[:2], None)

    def _send_all(self, source: Source, pending: deque[Entry], author: str, wait: float) -> Iterator[SentEntry]:
        started = time.monotonic()
        while True:
            while pending and (outcome := self._awaited[identity := pending[0][:2]]) is not None:
                del self._awaited[identity]
                pending.popleft()
                yield outcome
            chunk = source.take(CHUNK_ENTRIES) if len(pending) < PENDING_ENTRIES_MAX else []
            if chunk:
                pending.extend(self._post(chunk, author))
            elif source.is_exhausted and not pending:
                break
            self._advance(pending, started, wait, may_linger=not chunk)
        if self._courier is not None:
            self._finish(self._courier, started, wait)
        if source.error is not None:
            raise source.error

    def _post(self, texts: list[str], author: str) -> list[Entry]:
        """Put `texts` into the outbox and, where it is known where to, on their way."""
        written_at = min(max(time.time_ns() // 1000, WRITTEN_AT_MIN), WRITTEN_AT_MAX)  # whatever the clock says
        utc_offset = time.localtime().tm_gmtoff // 60
        with self._turn():
            notebook = self._courier.notebook if self._courier is not None else self._known()
            entries = self._outbox.add(
                texts,
                author=author,
                written_at=written_at,
                utc_offset=utc_offset,
                notebook_id=notebook.notebook_id if notebook is not None else None,
                meant_for=self._searcher.meant_for,
            )
            self._awaited.update([(entry[:2], None) for entry in entries])
            courier = self._courier or (self._engage(notebook) if notebook is not None else None)
            if courier is not None and courier.outstanding < PENDING_ENTRIES_MAX:
                courier.carry_waiting(time.monotonic())
                courier.carry(entries, time.monotonic())
            elif courier is not None:  # a silent server: they wait in the outbox until it is heard
                courier.look_into_outbox()
        return entries

    def _advance(self, pending: deque[Entry], started: float, wait: float, *, may_linger: bool) -> None:
        """Go on with the network for a moment; entries that have waited too long for an answer become queued."""
        with self._turn():
            if self._courier is None:
                self._advance_without_server(pending, started, wait)
                return
            self._courier.carry_waiting(time.monotonic())
            given_up_at = max(started, self._courier.answered_at) + wait if pending else time.monotonic() + IDLE_SECONDS
            self._exchange(self._courier, given_up_at if may_linger else 0.0)
            if pending and time.monotonic() >= given_up_at:
                self._queue(pending, silence_reason(self._courier.notebook) if wait else NOT_WAITED)

    def _advance_without_server(self, pending: deque[Entry], started: float, wait: float) -> None:
        if not pending:
            self._endpoint.receive(IDLE_SECONDS)
        elif time.monotonic() < self._locate_again_at:
            self._queue(pending, "no server was found a moment ago")
        else:
            try:
                courier = self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            except UdpnoteError as error:
                self._queue(pending, str(error))
                return
            ours = self._outbox.waiting_sequences(courier.notebook.notebook_id)
            courier.carry([entry for entry in pending if entry.sequence in ours], time.monotonic())
            self._leave_to_others([entry for entry in pending if entry.sequence not in ours])

    def _leave_to_others(self, entries: Iterable[Entry]) -> None:
        """Stop waiting for entries that another command has taken on while this one searched."""
        waiting = {each.entry.sequence for each in self._outbox.listing()} if entries else set()
        for entry in entries:
            if entry.sequence in waiting:
                self._queue([entry], "another command is delivering this entry to the notebook that it has found")
            else:
                self._awaited[entry[:2]] = SentEntry(entry, State.STORED, None, None)

    def _finish(self, courier: Courier, started: float, wait: float) -> None:
        """Deliver what earlier commands left, too, until nothing waits or the server is silent for `wait` seconds."""
        is_given_up = False
        while not is_given_up:
            with self._turn():
                courier.carry_waiting(time.monotonic())
                if courier.is_idle or self._awaited:  # another thread waits for its entries: it goes on from here
                    break
                given_up_at = max(started, courier.answered_at) + wait
                self._exchange(courier, given_up_at)
                is_given_up = time.monotonic() >= given_up_at
        with self._turn():
            courier.flush()

    def _exchange(self, courier: Courier, until: float) -> None:
        """Send what is due, wait for an answer or a timer until `until` at the latest, and act on what came."""
        self._send_due(courier)
        due = courier.next_timeout()
        until = until if due is None else min(until, due)
        datagrams = self._endpoint.receive(None if until == float("inf") else max(0.0, until - time.monotonic()))
        now = time.monotonic()
        for data, source in datagrams:
            courier.receive_datagram(data, source, now)
        courier.handle_timeout(now)
        self._send_due(courier)
        for event in courier.events():
            self._take_event(event)
        courier.flush_if_due()

    def _send_due(self, courier: Courier) -> None:
        self._endpoint.send(courier.datagrams_to_send())
        for probe in courier.probes_to_send():
            with suppress(ServerNotFound):  # a name service that fails is as silent as the server: it is asked again
                self._searcher.probe(probe, {self._port, courier.notebook.port})

    def _take_event(self, event: CourierEvent) -> None:
        match event:
            case Stored():
                self._resolve(_new(SentEntry, (event.entry, State.STORED, event.number, None)))
            case Rejected(entry, Status.NO_SPACE):
                reason = "the notebook's disk is full: the entry stays in the outbox until there is space"
                self._resolve(SentEntry(entry, State.QUEUED, None, reason))
            case Rejected(entry, status):
                reason = f"the notebook will not take this entry ({status.name.lower().replace('_', ' ')})"
                self._resolve(SentEntry(entry, State.REFUSED, None, reason))
            case Renewed(entry, renewed):
                self._renew(entry, renewed)
            case Moved(address):
                self._on_notice(f"the server was found again, at {format_address(address)}")
            case Searching():
                self._on_notice("the server does not answer: looking for it")

    def _resolve(self, sent: SentEntry) -> None:
        """Hand what became of an entry to whoever waits for it."""
        identity = sent.entry[:2]
        if self._origins:
            identity = self._origins.pop(identity, identity)
        if identity in self._awaited:
            self._awaited[identity] = sent
        elif sent.state is State.STORED:
            self._on_delivered(sent)
        elif sent.state is State.REFUSED:
            self._on_notice(f"an entry from the outbox was refused, sequence {sent.entry.sequence}: {sent.reason}")

    def _renew(self, entry: Entry, renewed: Entry | None) -> None:
        self._on_notice(
            f"sequence {entry.sequence} of this client is taken by another text in the notebook, as happens when a disk is "
            "copied or restored: the entry goes on under a new identity"
        )
        if renewed is None:
            self._resolve(SentEntry(entry, State.QUEUED, None, "another command is delivering this entry"))
        else:
            identity = entry[:2]
            self._origins[renewed[:2]] = self._origins.pop(identity, identity)

    def _queue(self, pending: Iterable[Entry], reason: str) -> None:
        """Stop waiting for entries: they stay in the outbox."""
        for entry in pending:
            if self._awaited[entry[:2]] is None:
                self._awaited[entry[:2]] = SentEntry(entry, State.QUEUED, None, reason)

    def _known(self) -> KnownNotebook | None:
        """The notebook that is meant, if it can be reached without a search."""
        if self._searcher.names_server:
            return None
        if self._searcher.wanted is None:
            return self._outbox.chosen()
        known = [notebook for notebook in self._outbox.notebooks() if is_meant(self._searcher.wanted, notebook)]
        return known[0] if len(known) == 1 else None

    def _locate(self, until: float) -> Courier:
        """Find the notebook that is meant, by a search if need be, and be ready to carry entries there."""
        notebook = self._known()
        if notebook is not None:
            return self._engage(notebook)
        try:
            found = self._searcher.locate(until)
        except UdpnoteError:
            self._locate_again_at = time.monotonic() + LOCATE_PAUSE_SECONDS
            raise
        is_plain = not self._searcher.names_server and self._searcher.wanted is None
        chosen = self._outbox.remember(known_notebook(found), may_choose=is_plain)
        is_first = chosen is None or chosen.notebook_id == found.offer.notebook_id
        if chosen is not None and not is_first and self._searcher.meant_for is None:
            return self._engage(chosen)  # another command has chosen meanwhile
        return self._engage(known_notebook(found), round_trip_seconds=found.round_trip_seconds)

    def _engage(self, notebook: KnownNotebook, *, round_trip_seconds: float | None = None) -> Courier:
        """Be ready to carry entries to `notebook`, among them all that were meant for it before it was known."""
        self._outbox.bind(notebook.notebook_id, meant_for=self._searcher.meant_for)
        self._courier = Courier(
            self._outbox,
            notebook,
            random=self._random,
            window_max=self._window_max,
            round_trip_seconds=round_trip_seconds,
        )
        return self._courier

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """This thread's turn with the sockets and the outbox; whoever waits at the network is asked to give way."""
        if not self._lock.acquire(blocking=False):
            self._endpoint.wake()
            while not self._lock.acquire(timeout=0.01):
                self._endpoint.wake()
        try:
            if self._is_closed:
                raise ClientClosed("this client is closed: make another one")
            yield
        finally:
            self._lock.release()


def _checked(wait: float) -> float:
    if not wait >= 0:
        raise InvalidSetting(f"wait must be a number of seconds from 0 on, not {wait}")
    return wait


def _ignore(_: object) -> None:
    """What is done with news that nobody asked for."""
