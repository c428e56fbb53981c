"""Those who read: real readers, for a moment or for ever; what they get is checked against what there was to get."""

from collections.abc import Callable

from tests.simulation.chronicle import Asked, Violation, check_entries, check_tallies
from tests.simulation.conduct import message_of_reading
from tests.simulation.processes import Process
from tests.simulation.scenario import REFUSED_QUERIES
from tests.simulation.stage import Stage
from udpnote.client.reading import ReadSession
from udpnote.model.address import Address
from udpnote.model.entry import StoredEntry
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Query, Tally, View
from udpnote.protocol.messages import Page, PageState
from udpnote.protocol.reading import Selection
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, ServerMoved
from udpnote.protocol.server_contact import KeyChanged

RESTART_SECONDS = (0.0, 10.0)
"""After a crash, until the user reads again."""


class ReadingProcess(Process):
    """One process that reads what was `asked` for; with `follows`, for ever."""

    trade = "reader"

    def __init__(
        self,
        stage: Stage,
        notebook: KnownNotebook,
        asked: Asked,
        *,
        follows: bool,
        host: str,
        ended: Callable[["ReadingProcess"], None],
    ) -> None:
        super().__init__(stage, host=host, ended=ended)
        self.asked = asked
        self.entries: list[StoredEntry] = []
        self._tallies: list[Tally] = []
        self._follows = follows
        self.is_complete = False
        self._is_answered = self._is_index_awaited = self._has_awaited_index = False
        self._reader = ReadSession(
            notebook,
            Selection(asked.query, asked.limit, asked.start, follows),
            random=stage.random,
            now=self._now(),
            envelope=stage.seals.client(notebook.key_id),
        )
        self._position = self._reader._reading._assembly.position
        stage.tell("{}: reads {}", self._address, asked)

    def begin(self) -> None:
        """Send the first datagrams."""
        self._step()

    @property
    def is_settled(self) -> bool:
        """Whether all has been read that there is now, and the server is there."""
        is_in_touch = self._is_answered and not self._reader.is_silent
        return self.is_complete or (self._follows and is_in_touch and not self._missing())

    def receive(self, data: bytes, source: Address) -> None:
        """Take a datagram."""
        answered_at = self._reader.answered_at
        self._reader.receive_datagram(data, source, self._now())
        message = message_of_reading(self._stage.seals.opened(data))
        if isinstance(message, Page):
            self._stage.coverage[f"page {message.state.name}"] += 1
        if isinstance(message, Page) and self._reader.answered_at > answered_at:
            self._pace.answered(self._now())
            self._is_answered = True
            self._is_index_awaited = message.state is PageState.INDEXING
            self._has_awaited_index |= self._is_index_awaited
        if self._dies("reader crashed after receiving"):
            return
        self._step()

    def check(self) -> None:
        """Check what was read, all of it or, before the end, what there is of it."""
        chronicle = self._stage.witness.chronicle
        if self._reader.is_refused:
            return
        if self.asked.query.view in (View.AUTHORS, View.TAGS):
            if self.is_complete:
                check_tallies(chronicle, self.asked, self._tallies)
        else:
            check_entries(chronicle, self.asked, self.entries, is_complete=self.is_complete)

    def check_end(self) -> None:
        """Check that one who follows has got all there is."""
        self.check()
        if self._follows:
            asked = self.asked._replace(began=self._stage.witness.chronicle.last)
            check_entries(self._stage.witness.chronicle, asked, self.entries, is_complete=True)
            self._stage.count("follower caught up")

    def _missing(self) -> int:
        """How many entries there are now that one who follows has not got."""
        chronicle, query, start = self._stage.witness.chronicle, self.asked.query, self.asked.start or 1
        last = chronicle.last
        wanted = [number for number in range(start, last + 1) if chronicle.outcomes(query, number, last, last) != [None]]
        return len(wanted) - len(self.entries)

    def _step(self) -> None:
        self._reader.handle_timeout(self._now())
        self._look_at_position()
        for event in self._reader.events():
            match event:
                case ServerMoved(address):
                    self._found(address)
                    self._stage.count("server found by a reader")
                case LookingForServer():
                    self._stage.count("server looked for by a reader")
                case ImpostorFound():
                    self._stage.count("impostor told of")
                case KeyChanged():
                    self._stage.seals.check_told(self._reader.notebook.key_id)
                    self._stage.count("reader told of another key")
                    self._take_items()
                    self.end()
                    return
        self._take_items()
        if not self._send_due(self._reader, is_silent=self._reader.is_silent, is_polling=self._is_index_awaited):
            return
        if self._reader.is_ended:
            self._conclude()
        else:
            self._sleep(self._reader.next_timeout())

    def _look_at_position(self) -> None:
        """Note when a reading goes back, which it does where an entry was revised while its parts were on their way."""
        position, before = self._reader._reading._assembly.position, self._position
        self._stage.coverage["entry revised while it was read"] += position.number == before.number and position < before
        self._position = position

    def _take_items(self) -> None:
        for item in self._reader.items():
            if isinstance(item, StoredEntry):
                self._stage.tell("{}: gets #{} as of #{}", self._address, item.number, item.version)
                self.entries.append(item)
            else:
                self._tallies.append(item)

    def _conclude(self) -> None:
        """All has been read."""
        if self._reader.is_refused != (self.asked.query in REFUSED_QUERIES):
            raise Violation(f"the server refused, or did not refuse, to answer {self.asked}")
        if self._reader.is_nonsense:
            raise Violation("the server is taken for one that makes no sense")
        self.is_complete = True
        self._count()
        self.end()

    def _count(self) -> None:
        query = self.asked.query
        kinds = {
            "refused": self._reader.is_refused, "author": query.author, "words": query.words, "tags": query.tags,
            "numbers": query.numbers, "limit": self.asked.limit,
        }  # fmt: skip
        kind = next((kind for kind, value in kinds.items() if value), "all")
        self._stage.count(f"{query.view.name} read, {kind}")
        self._stage.coverage["notes found by a search"] += bool(query.words and self.entries)
        self._stage.coverage["shows a revision"] += any(item.version != item.number for item in self.entries)
        if self._has_awaited_index:
            self._stage.count("search waited for the index")


class Audience:
    """All readers of one seed: those whose readings crash read again, and those who follow go on where they were."""

    def __init__(self, stage: Stage, *, known: Callable[[], KnownNotebook]) -> None:
        self._stage = stage
        self._known = known
        self._processes: list[ReadingProcess] = []
        self._due = 0
        self._is_over = False

    @property
    def is_settled(self) -> bool:
        """Whether all have read what there is."""
        return not self._due and all(process.is_settled for process in self._processes)

    def read(self, query: Query, *, limit: int = 0) -> None:
        """Have somebody read."""

        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            if not process.is_complete:
                self._restart(lambda: self.read(query, limit=limit))

        self._start(Asked(query, self._last, limit), follows=False, ended=ended)

    def follow(self, query: Query, *, last: int) -> None:
        """Have somebody follow, from the last so many entries on."""

        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            if not process.is_complete:
                self._restart(lambda: self.follow(query, last=last))
                return
            start = process.entries[0].number + 1 if process.entries else 1
            self._follow_from(query, start)

        self._start(Asked(query._replace(newest_first=True), self._last, last), follows=False, ended=ended)

    def follow_all(self, query: Query) -> None:
        """Have somebody follow from the beginning."""
        self._follow_from(query, 1)

    def crash(self) -> None:
        """End one of the processes at once, wherever it is."""
        if self._processes:
            self._stage.count("reader crashed at rest")
            self._stage.random.choice(self._processes).end()

    def move(self) -> None:
        """One of them gets another address."""
        if self._processes:
            self._stage.count("reader moved")
            self._stage.random.choice(self._processes).move(self._stage.new_host("10.0.3"))

    def dismiss(self) -> None:
        """End all, and check those who follow: they have got everything."""
        for process in list(self._processes):
            process.check_end()
        self._is_over = True
        for process in list(self._processes):
            process.end()

    @property
    def _last(self) -> int:
        return self._stage.witness.chronicle.last

    def _follow_from(self, query: Query, start: int) -> None:
        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            self._stage.coverage["follower crashed"] += not self._is_over
            following = process.entries[-1].number + 1 if process.entries else start
            self._restart(lambda: self._follow_from(query, following))

        self._start(Asked(query, self._last, start=start), follows=True, ended=ended)

    def _start(self, asked: Asked, *, follows: bool, ended: Callable[[ReadingProcess], None]) -> None:
        process = ReadingProcess(
            self._stage, self._known(), asked, follows=follows, host=self._stage.new_host("10.0.3"), ended=ended
        )
        self._processes.append(process)
        process.begin()

    def _ended(self, process: ReadingProcess) -> None:
        self._processes.remove(process)
        process.check()

    def _restart(self, action: Callable[[], None]) -> None:
        if self._is_over:
            return
        self._due += 1
        self._stage.clock.after(self._stage.random.uniform(*RESTART_SECONDS), lambda: self._go_on(action))

    def _go_on(self, action: Callable[[], None]) -> None:
        self._due -= 1
        action()
