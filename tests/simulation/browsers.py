"""Simulates browsers, which keep and number their entries, and pages: processes that forward these entries, and are killed."""

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from tests.simulation.disks import OutboxDisk
from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.simulation.processes import JoinAgain, Process
from tests.simulation.witness import Written, written
from udpnote.client.client import Client
from udpnote.model.entry import CLIENT_ID_BYTES, Entry, Kind, Status, Verdict

AGAIN_SECONDS = (1.0, 10.0)  # after a browser has posted what it keeps, until it posts the rest again
POSTED_ENTRIES_MAX = 20
SECOND_TAB_RATE = 0.1  # how often a second tab posts the same entries at the same time
LOST_ANSWER_RATE = 0.1


class Post(NamedTuple):
    """The `entries` that `browser` has posted to a page."""

    browser: "Browser"
    entries: list[Entry]


class PageProcess(Process):
    """One process that forwards what browsers post, until it is killed.

    All posts that wait when it is free go into one call of `Client.forward`. After it has learnt that the notebook's key has
    changed, it joins the notebook again some time later (see `Page.join_again`), before it forwards anything more.
    """

    trade = "forwarder"
    waits_seconds = (0.5, 3.0, 20.0)

    def __init__(self, lan: Lan, page: "Page", outbox: OutboxDisk, *, host: str) -> None:
        super().__init__(lan, outbox, host=host, ended=page.process_ended)
        self._page = page
        self._posts: deque[Post] = deque()
        self._is_idle = self._must_join = False

    def post(self, post: Post) -> None:
        self._posts.append(post)
        self._go_on()

    def join_again(self) -> None:
        """Let the process join the notebook with its present key before it forwards anything more."""
        self._must_join = True
        self._go_on()

    def _go_on(self) -> None:
        if self._is_idle:
            self._is_idle = False
            self.resume()

    def _work(self, client: Client) -> None:
        while True:
            while self._posts or self._must_join:
                self.endpoint.pace.begin(self._lan.clock.now)
                self._attempt(self._join if self._must_join else self._forward, client)
            self._is_idle = True
            self.pause()

    def _forward(self, client: Client) -> None:
        posts, self._posts = list(self._posts), deque()
        verdicts = iter(client.forward([entry for post in posts for entry in post.entries], wait=self.wait_seconds))
        self.may_crash("between a verdict and its answer", times=4)
        for browser, entries in posts:
            answers = [(entry, next(verdicts)) for entry in entries]
            if not self._lan.happens(0.0 if self._lan.is_calm else LOST_ANSWER_RATE, "answer to a browser lost"):
                browser.take_answers(answers)

    def _join(self, client: Client) -> None:
        if not self.joins(client):
            self._page.join_again.later()
        self._must_join = False

    def _learn_of_new_key(self) -> None:
        super()._learn_of_new_key()
        self.endpoint.pace.begin_anew(self._lan.clock.now)
        self._page.join_again.later()


class Page:
    """A host that runs `udpnote page`: one process at a time. After it was killed, the next post starts a new one, and so does
    `join_again`.
    """

    def __init__(self, lan: Lan, outbox: OutboxDisk) -> None:
        self._lan, self.outbox = lan, outbox
        self._host = lan.new_host("10.0.5")
        self._process: PageProcess | None = None
        self.join_again = JoinAgain(lan, outbox, lambda: self._running().join_again())

    def post(self, post: Post) -> None:
        self._running().post(post)

    def crash(self) -> None:
        if self._process is not None:
            self._lan.count("forwarder crashed at rest")
            self._process.crash()

    def process_ended(self, _process: PageProcess) -> None:
        self._process = None

    def _running(self) -> PageProcess:
        if self._process is None:
            self._process = PageProcess(self._lan, self, self.outbox, host=self._host)
            self._process.resume()
        assert self._process is not None, "a process ends only while it works"
        return self._process


class Browser:
    """Keeps each entry, and posts it again and again, until a page has answered with the notebook's verdict on this entry."""

    def __init__(self, lan: Lan, page: Page, random: Random) -> None:
        self._lan, self._page, self._random = lan, page, random
        self._client_id = random.randbytes(CLIENT_ID_BYTES)
        self._author = f"王芳@browser{self._client_id.hex()[:4]}"
        self._kept: dict[int, Entry] = {}
        self._written: list[Written] = []
        self._will_post = False

    @property
    def is_settled(self) -> bool:
        return not self._kept

    def write(self, text: str, *, kind: Kind = Kind.NOTE, revises: int = 0) -> None:
        sequence = len(self._written) + 1
        written_at = self._lan.clock.wall_microseconds + sequence  # so no two entries are alike, not even deletions
        entry = Entry(self._client_id, sequence, kind, written_at, 480, self._author, text, revises)
        self._lan.witness.wrote([entry])
        self._written.append(written(entry))
        self._kept[entry.sequence] = entry
        if not self._will_post:
            self._will_post = True
            self._lan.clock.after(0.0, self._post)

    def take_answers(self, answers: list[tuple[Entry, Verdict | None]]) -> None:
        """Drop the entries that are stored or refused for good, and check these verdicts. None stands for no verdict yet."""
        for entry, verdict in answers:
            if verdict is None or verdict.status.is_temporary:
                self._lan.count("browser told to try again later")
            elif verdict.status is Status.STORED:
                self._check_stored(entry, verdict.number)
                self._kept.pop(entry.sequence, None)
            else:
                self._lan.witness.refused(entry, verdict.status)
                self._lan.count("browser told of a refusal")
                self._kept.pop(entry.sequence, None)

    def check(self) -> None:
        """Check at the end that the revisions were stored in order."""
        self._lan.witness.look_at_order(self._written)

    def _check_stored(self, entry: Entry, number: int) -> None:
        self._lan.witness.acknowledged(entry, number)
        stored = self._lan.witness.history.entry(number)
        if stored is None or stored.entry[:2] != entry[:2]:
            raise Violation(f"a browser was told that its entry {entry.sequence} is #{number}, which has another identity")

    def _post(self) -> None:
        """Post some of the kept entries, and plan the next time."""
        self._will_post = bool(self._kept)
        if not self._kept:
            return
        entries = list(self._kept.values())[:POSTED_ENTRIES_MAX]
        self._lan.clock.after(self._random.uniform(*AGAIN_SECONDS), self._post)
        post: Callable[[], None] = partial(self._page.post, Post(self, entries))
        if self._random.random() < SECOND_TAB_RATE:
            self._lan.count("entries posted by two tabs")
            self._lan.clock.after(self._random.uniform(0.0, 1.0), post)
        post()
