"""Simulates processes that read, and their users. Checks what they get against the history of the notebook."""

from collections.abc import Callable
from functools import partial
from itertools import chain

from tests.simulation.disks import OutboxDisk
from tests.simulation.history import Asked, check_entries, check_tallies
from tests.simulation.lan import Lan
from tests.simulation.processes import Process
from udpnote.client.client import Client
from udpnote.model.entry import StoredEntry
from udpnote.model.query import Query, Selection, Tally, View

RESTART_SECONDS = (0.0, 10.0)  # after a crash, until the user reads again

Ended = Callable[["ReadingProcess"], None]


class ReadingProcess(Process):
    """One process that reads what was `asked` for. If `follows` is true, it goes on reading new entries until it is ended."""

    trade = "reader"

    def __init__(self, lan: Lan, outbox: OutboxDisk, asked: Asked, *, follows: bool, ended: Ended) -> None:
        super().__init__(lan, outbox, host=lan.new_host("10.0.3"), ended=ended)
        self.asked, self.follows = asked, follows
        self.entries: list[StoredEntry] = []
        self._tallies: list[Tally] = []
        self.is_complete = False
        lan.tell("{}: reads {}", self.endpoint.address, asked)

    @property
    def is_settled(self) -> bool:
        """Whether the process has read all that there is to read. A follower must also have heard from the server."""
        is_in_touch = self.endpoint.is_answered and not self.endpoint.pace.is_silent
        return self.is_complete or (self.follows and is_in_touch and not self._missing())

    @property
    def following(self) -> int:
        """The number from which a follower goes on: after the last entry that it got, or else the first one that it wanted."""
        return self.entries[-1].number + 1 if self.entries else self.asked.start or 1

    def check(self) -> None:
        """Check what was read so far or, if the reading has ended, in all."""
        history = self._lan.witness.history
        if self.asked.query.view not in (View.AUTHORS, View.TAGS):
            check_entries(history, self.asked, self.entries, is_complete=self.is_complete)
        elif self.is_complete:
            check_tallies(history, self.asked, self._tallies)

    def check_end(self) -> None:
        """Check what was read. A follower must have got every entry that there is now."""
        self.check()
        if self.follows:
            asked = self.asked._replace(began=self._lan.witness.history.last)
            check_entries(self._lan.witness.history, asked, self.entries, is_complete=True)
            self._lan.count("follower caught up")

    def _missing(self) -> int:
        """Return how many of the present entries a follower has not got."""
        history, query, start = self._lan.witness.history, self.asked.query, self.asked.start or 1
        last = history.last
        wanted = [number for number in range(start, last + 1) if history.outcomes(query, number, last, last) != [None]]
        return len(wanted) - len(self.entries)

    def _work(self, client: Client) -> None:
        query, limit = self.asked.query, self.asked.limit
        for item in chain.from_iterable(client._read(Selection(query, limit, self.asked.start, self.follows))):
            if isinstance(item, StoredEntry):
                self.entries.append(item)
            else:
                self._tallies.append(item)
        self.is_complete = True
        kinds = {"author": query.author, "words": query.words, "tags": query.tags, "numbers": query.numbers, "limit": limit}
        self._lan.count(f"{query.view.name} read, {next((kind for kind, value in kinds.items() if value), 'all')}")
        self._lan.coverage["notes found by a search"] += bool(query.words and self.entries)
        self._lan.coverage["shows a revision"] += any(item.version != item.number for item in self.entries)


class ReadingUsers:
    """All users of one seed who read. After a crash they read again; followers go on after the last entry that they got."""

    def __init__(self, lan: Lan, *, new_outbox: Callable[[], OutboxDisk]) -> None:
        self._lan, self._new_outbox = lan, new_outbox
        self._processes: list[ReadingProcess] = []
        self._due = 0
        self._is_over = False

    @property
    def is_settled(self) -> bool:
        return not self._due and all(process.is_settled for process in self._processes)

    def read(self, query: Query, *, limit: int = 0) -> None:
        """Let a user read what `query` finds, again after a crash."""
        self._start(Asked(query, self._last, limit), again=partial(self.read, query, limit=limit))

    def follow(self, query: Query, *, last: int) -> None:
        """Let a user follow, beginning with the `last` latest entries that `query` finds."""

        def go_on(process: ReadingProcess) -> None:
            self.follow_from(query, process.entries[0].number + 1 if process.entries else 1)

        asked = Asked(query._replace(newest_first=True), self._last, last)
        self._start(asked, again=partial(self.follow, query, last=last), then=go_on)

    def follow_from(self, query: Query, start: int) -> None:
        self._start(Asked(query, self._last, start=start))

    def follow_alone(self, last: int) -> ReadingProcess:
        """Start a process that follows from the first entry on; there are `last` entries now. The caller ends the process."""
        asked = Asked(Query(View.LOG), last, start=1)
        process = ReadingProcess(self._lan, self._new_outbox(), asked, follows=True, ended=lambda _: None)
        process.resume()
        return process

    def crash(self) -> None:
        """End one of the processes at once, while it waits."""
        if self._processes:
            self._lan.count("reader crashed at rest")
            self._lan.random.choice(self._processes).crash()

    def move(self) -> None:
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

    def _start(self, asked: Asked, *, again: Callable[[], None] | None = None, then: Ended = lambda _: None) -> None:
        """Start a `ReadingProcess` for the query of `asked`. When it has read everything, call `then` with the process.

        If the process crashes, call `again` later, which starts another one. If `again` is None, the process follows, and the
        process that is started after a crash goes on after its last entry.
        """

        def ended(process: ReadingProcess) -> None:
            self._processes.remove(process)
            process.check()
            self._lan.coverage["follower crashed"] += process.follows and not self._is_over
            if process.is_complete:
                then(process)
            elif not self._is_over:
                self._due += 1
                begin = again or partial(self.follow_from, asked.query, process.following)
                self._lan.clock.after(self._lan.random.uniform(*RESTART_SECONDS), partial(self._restart, begin))

        process = ReadingProcess(self._lan, self._new_outbox(), asked, follows=again is None, ended=ended)
        self._processes.append(process)
        process.resume()

    def _restart(self, begin: Callable[[], None]) -> None:
        self._due -= 1
        begin()
