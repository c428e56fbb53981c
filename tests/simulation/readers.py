"""Reading processes and their users; what they get is checked against the history of the notebook."""

from collections.abc import Callable

from tests.simulation.disks import OutboxDisk
from tests.simulation.history import Asked, check_entries, check_tallies
from tests.simulation.lan import Lan
from tests.simulation.processes import Process
from udpnote.client.client import Client
from udpnote.model.entry import StoredEntry
from udpnote.model.query import Query, Tally, View

RESTART_SECONDS = (0.0, 10.0)
"""After a crash, until the user reads again."""


class ReadingProcess(Process):
    """One process that reads what was `asked` for; with `follows`, for ever."""

    trade = "reader"

    def __init__(
        self,
        lan: Lan,
        outbox: OutboxDisk,
        asked: Asked,
        *,
        follows: bool,
        host: str,
        ended: Callable[["ReadingProcess"], None],
    ) -> None:
        super().__init__(lan, outbox, host=host, ended=ended)
        self.asked = asked
        self.entries: list[StoredEntry] = []
        self._tallies: list[Tally] = []
        self._follows = follows
        self.is_complete = self._has_awaited_index = False
        lan.tell("{}: reads {}", self.endpoint.address, asked)

    @property
    def is_settled(self) -> bool:
        """Whether all has been read that there is now, and the server is there."""
        is_in_touch = self.endpoint.is_answered and not self.endpoint.pace.is_silent
        return self.is_complete or (self._follows and is_in_touch and not self._missing())

    def check(self) -> None:
        """Check what was read so far."""
        history = self._lan.witness.history
        if self.asked.query.view in (View.AUTHORS, View.TAGS):
            if self.is_complete:
                check_tallies(history, self.asked, self._tallies)
        else:
            check_entries(history, self.asked, self.entries, is_complete=self.is_complete)

    def check_end(self) -> None:
        """Check what was read; a follower must have got everything."""
        self.check()
        if self._follows:
            asked = self.asked._replace(began=self._lan.witness.history.last)
            check_entries(self._lan.witness.history, asked, self.entries, is_complete=True)
            self._lan.count("follower caught up")

    def _missing(self) -> int:
        """How many of the present entries a follower has not got."""
        history, query, start = self._lan.witness.history, self.asked.query, self.asked.start or 1
        last = history.last
        wanted = [number for number in range(start, last + 1) if history.outcomes(query, number, last, last) != [None]]
        return len(wanted) - len(self.entries)

    def _work(self, client: Client) -> None:
        query, limit, start = self.asked.query, self.asked.limit, self.asked.start
        for item in client._read(query, limit=limit, follows=self._follows, start=start):
            if isinstance(item, StoredEntry):
                self._lan.tell("{}: gets #{} as of #{}", self.endpoint.address, item.number, item.version)
                self.entries.append(item)
            else:
                self._tallies.append(item)
        self.is_complete = True
        self._count()

    def _take_indexing(self, _indexed: int, _of: int) -> None:
        self._has_awaited_index = True

    def _count(self) -> None:
        query = self.asked.query
        kinds = {
            "author": query.author, "words": query.words, "tags": query.tags, "numbers": query.numbers,
            "limit": self.asked.limit,
        }  # fmt: skip
        kind = next((kind for kind, value in kinds.items() if value), "all")
        self._lan.count(f"{query.view.name} read, {kind}")
        self._lan.coverage["notes found by a search"] += bool(query.words and self.entries)
        self._lan.coverage["shows a revision"] += any(item.version != item.number for item in self.entries)
        if self._has_awaited_index:
            self._lan.count("search waited for the index")


class ReadingUsers:
    """All users of one seed who read. After a crash they read again; followers go on where they were."""

    def __init__(self, lan: Lan, *, new_outbox: Callable[[], OutboxDisk]) -> None:
        self._lan = lan
        self._new_outbox = new_outbox
        self._processes: list[ReadingProcess] = []
        self._due = 0
        self._is_over = False

    @property
    def is_settled(self) -> bool:
        """Whether all have read what there is."""
        return not self._due and all(process.is_settled for process in self._processes)

    def read(self, query: Query, *, limit: int = 0) -> None:
        """Have a user read."""

        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            if not process.is_complete:
                self._restart(lambda: self.read(query, limit=limit))

        self._start(Asked(query, self._last, limit), follows=False, ended=ended)

    def follow(self, query: Query, *, last: int) -> None:
        """Have a user follow, from the `last` entries on."""

        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            if not process.is_complete:
                self._restart(lambda: self.follow(query, last=last))
                return
            start = process.entries[0].number + 1 if process.entries else 1
            self._follow_from(query, start)

        self._start(Asked(query._replace(newest_first=True), self._last, last), follows=False, ended=ended)

    def follow_all(self, query: Query) -> None:
        """Have a user follow from the beginning."""
        self._follow_from(query, 1)

    def crash(self) -> None:
        """End one of the processes at once, wherever it is."""
        if self._processes:
            self._lan.count("reader crashed at rest")
            self._lan.random.choice(self._processes).crash()

    def move(self) -> None:
        """One of them gets another address."""
        if self._processes:
            self._lan.count("reader moved")
            self._lan.random.choice(self._processes).endpoint.move(self._lan.new_host("10.0.3"))

    def dismiss(self) -> None:
        """End all processes, and check that followers have got everything."""
        for process in list(self._processes):
            process.check_end()
        self._is_over = True
        for process in list(self._processes):
            process.crash()

    @property
    def _last(self) -> int:
        return self._lan.witness.history.last

    def _follow_from(self, query: Query, start: int) -> None:
        def ended(process: ReadingProcess) -> None:
            self._ended(process)
            self._lan.coverage["follower crashed"] += not self._is_over
            following = process.entries[-1].number + 1 if process.entries else start
            self._restart(lambda: self._follow_from(query, following))

        self._start(Asked(query, self._last, start=start), follows=True, ended=ended)

    def _start(self, asked: Asked, *, follows: bool, ended: Callable[[ReadingProcess], None]) -> None:
        process = ReadingProcess(
            self._lan, self._new_outbox(), asked, follows=follows, host=self._lan.new_host("10.0.3"), ended=ended
        )
        self._processes.append(process)
        process.resume()

    def _ended(self, process: ReadingProcess) -> None:
        self._processes.remove(process)
        process.check()

    def _restart(self, action: Callable[[], None]) -> None:
        if self._is_over:
            return
        self._due += 1
        self._lan.clock.after(self._lan.random.uniform(*RESTART_SECONDS), lambda: self._go_on(action))

    def _go_on(self, action: Callable[[], None]) -> None:
        self._due -= 1
        action()
