"""Runs one seed: first with faults, then without them, until all entries are stored, and all promises are checked."""

from collections import Counter
from contextlib import closing, suppress
from functools import partial

from tests.simulation.attacker import Attacker
from tests.simulation.disks import NotebookDisk
from tests.simulation.history import Violation
from tests.simulation.lan import Lan, Trace
from tests.simulation.pauses import Pauses
from tests.simulation.scenario import AUTHORS, WORDS, Scenario
from tests.simulation.servers import ServerHost
from tests.simulation.traffic import UNHEARD_SECONDS_MAX
from tests.simulation.users import Users
from tests.support.network import CALM, PORT, REPLAY_SECONDS, noise
from udpnote.client.sending.import_queue import ImportOutcome
from udpnote.model.address import Address
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, split
from udpnote.model.query import Query, View
from udpnote.protocol.reading.reading import REFRESH_SECONDS

_ERASED, _THERE = ImportOutcome.ERASED, ImportOutcome.THERE_ALREADY

SETTLING_SECONDS_MAX = 180
"""Without faults, all entries are stored within this time: the longest pauses of discovery and timers, and some round trips."""

COMMAND_SECONDS = 60  # the pause between two commands of a user that deliver what waits, until everything is settled

NOISE_DATAGRAMS = 20

MEANWHILE_SECONDS = 0.02  # about how long it takes to begin an import
LOOK_SECONDS, LOOKS_MAX = 0.005, 100  # the pause between two looks for an unfinished entry, and how many looks there are

IMPORT_RATE = 0.3
RESTORE_RATE = 0.3
ERASE_RATE = 0.3

ALL_QUERIES = (
    Query(View.LOG), Query(View.NOTES), Query(View.NOTES, newest_first=True), Query(View.NOTES, author=AUTHORS[0]),
    *(Query(View.NOTES, words=words) for words in WORDS),
    *(Query(View.NOTES, by_time=True, words=words) for words in ((), *WORDS)),
    Query(View.NOTES, by_time=True, newest_first=True), Query(View.NOTES, by_time=True, newest_first=True, author=AUTHORS[0]),
    Query(View.NOTES, any_of=(("中", "a line", "nowhere"),), without=("1",)),
)  # fmt: skip
"""Queries that the notebook must answer rightly at the end."""

CALM_QUERIES = (
    (Query(View.LOG, newest_first=True), 10), (Query(View.NOTES, by_time=True), 20), (Query(View.NOTES, words=WORDS[0]), 0),
    (Query(View.NOTES, words=WORDS[1], newest_first=True, by_time=True), 5), (Query(View.AUTHORS), 0), (Query(View.TAGS), 0),
    (Query(View.NOTES, any_of=(("今日记录", "LINE"),), without=("1", "我是 记"), by_time=True), 0),
)  # fmt: skip
"""Queries of readers in the calm, each with its limit (0: none)."""

CALM_WRITERS = 3  # they write one after the other, because some followers want the entries of one of them only

IN_TOUCH_SECONDS_MAX = 20.0
"""Within this time, each follower notices that the server has moved or has forgotten it, and finds the server again."""

NEWS_SECONDS_MAX = 0.5
"""How long after an entry was stored all followers must have it, without losses: some milliseconds, and the server's time."""

REPLAYED_NEWS_SECONDS_MAX = REFRESH_SECONDS + 1.0
"""The same if datagrams are replayed: a replayed READ may have replaced the waiting READ until the follower sends the next."""

CALM_READING_SECONDS_MAX = 10.0  # reading takes a second at most, but a reader may have to find the server first
FOLLOWER_DATAGRAMS_PER_SECOND_MAX = 1.0  # a follower sends a READ every 3 seconds; replays may cause a few more


def simulate(seed: int, trace: Trace | None = None) -> Counter[str]:
    """Run one seed, and return the faults and paths that it has met, with their numbers.

    Raises `Violation` if a promise is broken, and any error that the code under test raises.
    """
    with closing(World(seed, trace)) as world:
        return world.run()


class World:
    """The LAN of one seed, its server and its users."""

    def __init__(self, seed: int, trace: Trace | None) -> None:
        self._lan = Lan(seed, trace)
        self._random, self._clock, self._network = self._lan.random, self._lan.clock, self._lan.network
        self._scenario = Scenario(self._random)
        if self._scenario.weather.replay:
            self._lan.unheard_seconds = UNHEARD_SECONDS_MAX
        self._server = ServerHost(self._lan, self._lan.notebook, self._new_addresses())
        self._foreign_notebooks: list[NotebookDisk] = []
        self._users = Users(self._lan, self._scenario, self._server)
        self._pauses = Pauses(self._lan, self._server, self._scenario.trouble_seconds)
        Attacker(self._lan, self._scenario.attacks)

    def run(self) -> Counter[str]:
        """Run the seed from trouble to calm, and return what it has tried. Raises `Violation` if a promise is broken."""
        self._lan.tell("{}", vars(self._scenario))
        self._network.weather = self._scenario.weather
        self._lan.client_crash_rate = self._scenario.client_crash_rate
        self._lan.server_crash_rate = self._scenario.server_crash_rate
        for time, kind in self._scenario.incidents:
            self._clock.at(time, partial(self._cause, kind))
        self._users.plan()
        self._pauses.plan()
        self._clock.run(self._scenario.trouble_seconds)
        self._heal()
        self._settle()
        self._lan.tell("all is settled")
        self._follow_in_calm()
        self._read_in_calm()
        self._observe_aftermath()
        self._check()
        chance = self._random.random()
        if chance < RESTORE_RATE:
            self._restore_an_older_copy()
        elif chance < RESTORE_RATE + ERASE_RATE:
            self._erase_a_note()
        return self._lan.coverage

    def close(self) -> None:
        """End all processes, and close all disks."""
        for process in list(self._lan.processes):
            with suppress(Exception):  # what went wrong is known already
                process.crash()
        for notebook in (self._lan.notebook, *self._foreign_notebooks):
            notebook.close()
        self._users.close()

    def _heal(self) -> None:
        """End all faults. Replayed and late datagrams may still arrive."""
        self._lan.tell("all is well again")
        self._lan.is_calm = True
        self._network.weather = CALM
        self._network.mute.clear()
        self._network.deaf.clear()
        self._lan.client_crash_rate = self._lan.server_crash_rate = 0.0
        self._lan.notebook.free()
        self._lan.notebook.fail(False)
        self._server.start()
        self._server.look_at_keys()

    def _settle(self) -> None:
        """Run until all entries are stored, and all readers have their results. Raises `Violation` if that takes too long."""
        for second in range(SETTLING_SECONDS_MAX):
            if second % COMMAND_SECONDS == 0:
                self._users.command()
            self._clock.run(self._clock.now + 1.0)
            if not self._users.unsettled:
                return
        raise Violation(f"not settled {SETTLING_SECONDS_MAX} seconds after all was well again: {self._users.unsettled}")

    def _follow_in_calm(self) -> None:
        """Let users write more entries, and check that followers get them as soon as they are stored."""
        self._clock.run(self._clock.now + IN_TOUCH_SECONDS_MAX)
        for writer in self._users.installations[:CALM_WRITERS]:
            self._users.write(writer, long_entries=0.0)
            deadline = self._clock.now + SETTLING_SECONDS_MAX
            while not writer.is_settled and self._clock.now < deadline:
                self._clock.run(self._clock.now + 0.1)
            self._clock.run(
                self._clock.now + (REPLAYED_NEWS_SECONDS_MAX if self._scenario.weather.replay else NEWS_SECONDS_MAX)
            )
            if self._users.unsettled:
                raise Violation(f"all was well, and yet not settled: {self._users.unsettled}")

    def _read_in_calm(self) -> None:
        for query, limit in CALM_QUERIES:
            self._users.readers.read(query, limit=limit)
        self._clock.run(self._clock.now + CALM_READING_SECONDS_MAX)
        if self._users.unsettled:
            raise Violation(f"not read within {CALM_READING_SECONDS_MAX:.0f} seconds, though all was well")

    def _observe_aftermath(self) -> None:
        """Let all replayed datagrams arrive, and check that no client sends anything because of them."""
        before = self._lan.sent.copy()
        self._clock.run(self._clock.now + REPLAY_SECONDS[1])
        sent = self._lan.sent - before
        if sent["sender"] or sent["importer"] or sent["forwarder"]:
            raise Violation("a client with nothing to send has sent something")
        if sent["reader"] > self._scenario.followers * REPLAY_SECONDS[1] * FOLLOWER_DATAGRAMS_PER_SECOND_MAX:
            raise Violation(f"readers with nothing to read have sent {sent['reader']} datagrams")

    def _check(self) -> None:
        """Check at the end, when all is settled, every promise about what is stored and found."""
        self._users.readers.dismiss()
        self._lan.witness.look_at_all()
        for query in ALL_QUERIES:
            self._lan.witness.look_up(query)
        for installation in self._users.installations:
            installation.check()
        for browser in self._users.browsers:
            browser.check()
        if any(notebook.last_number or notebook.unfinished for notebook in self._foreign_notebooks):
            raise Violation("something of ours is in another notebook")

    def _restore_an_older_copy(self) -> None:
        """Restore an older copy of the notebook, and let another client write to it.

        Check that a follower skips and repeats nothing.
        """
        notebook, now = self._lan.notebook, self._clock.wall_microseconds
        log = list(notebook.entries_after(0))
        if not log:
            return
        self._lan.count("older copy restored")
        follower = self._users.readers.follow_alone(len(log))
        self._clock.run(self._clock.now + CALM_READING_SECONDS_MAX)
        self._server.crash()
        kept = self._random.randrange(len(log))
        notebook.go_back_to(kept)
        client_id, count = self._random.randbytes(16), self._random.randint(1, len(log) - kept)
        theirs = [
            Entry(client_id, number, Kind.NOTE, now, 0, AUTHORS[0], f"of others {number}") for number in range(1, count + 1)
        ]
        notebook.store([part for entry in theirs for part in split(entry, TEXT_BYTES_MAX)], now)
        self._server.start()
        self._clock.run(self._clock.now + SETTLING_SECONDS_MAX)
        if follower.entries != log + list(notebook.entries_after(kept)):
            shown = [each.number for each in follower.entries[len(log) :]]
            raise Violation(f"after a copy with {kept} of {len(log)} entries was restored, a follower was shown {shown}")
        follower.crash()

    def _erase_a_note(self) -> None:
        """Erase a note. Check that a follower goes on, that an import of the whole log does not bring the note back, and that
        all other entries stay as they are.
        """
        notebook = self._lan.notebook
        log = list(notebook.entries_after(0))
        if not log:
            return
        self._lan.count("note erased")
        follower = self._users.readers.follow_alone(len(log))
        self._clock.run(self._clock.now + CALM_READING_SECONDS_MAX)
        self._server.crash()
        erased = notebook.erase(self._random.choice(log).number, self._clock.wall_microseconds)
        left = list(notebook.entries_after(0))
        self._server.start()
        told = self._users.import_again(log)
        self._clock.run(self._clock.now + SETTLING_SECONDS_MAX)
        outcomes = {each.old.number: each.outcome for each in told}
        if outcomes != {each.number: _ERASED if each.number in erased else _THERE for each in log}:
            raise Violation(f"after {erased} were erased, an import of all has given {outcomes}")
        self._users.write(self._users.installations[0], long_entries=0.0)
        self._clock.run(self._clock.now + SETTLING_SECONDS_MAX)
        now = list(notebook.entries_after(0))
        if now[: len(log)] != left or [each for each in left if each.number not in erased] != [
            each for each in log if each.number not in erased
        ]:
            raise Violation("an erasure, or an import after it, has changed other entries")
        if follower.entries != log + now[len(log) :]:
            raise Violation(f"after {erased} were erased, a follower was shown {follower.entries[len(log) :]}")
        follower.crash()

    def _cause(self, kind: str) -> None:
        """Let the incident `kind` happen, one of those that `Scenario` draws."""
        self._lan.tell("incident: {}", kind)
        installation = self._random.choice(self._users.installations)
        match kind:
            case "partition":
                self._cut_off()
            case "power failure":
                installation.lose_power()
            case "server crash":
                self._crash_server(down_seconds_max=20.0)
            case "server move":
                self._move_server()
            case "server clock jump":
                self._users.write_letter(installation)
                self._jump_amid_parts(looks=LOOKS_MAX)
            case "client clock jump":
                installation.jump_clock()
            case "disk full":
                self._import_meanwhile()
                self._fill_disk()
            case "disk broken":
                self._lan.notebook.fail(True)
                self._clock.after(self._random.uniform(1.0, 30.0), partial(self._lan.notebook.fail, False))
            case "outbox copied":
                self._users.copy(installation)
            case "second process":
                self._lan.count("second process started")
                installation.start()
            case "client crash":
                installation.crash()
            case "client move":
                self._lan.count("client moved")
                installation.move(self._lan.new_host("10.0.0"))
            case "garbage":
                self._send_noise()
            case "reader crash":
                self._users.readers.crash()
            case "reader move":
                self._users.readers.move()
            case "key changed":
                self._import_meanwhile()
                self._clock.after(self._random.uniform(0.0, MEANWHILE_SECONDS), self._change_key)
            case "import cut short":
                for importing in self._users.imports:
                    importing.crash()

    def _cut_off(self) -> None:
        """Cut some hosts off for a while: they cannot send, cannot receive, or can do neither."""
        hosts = {address[0] for address in self._network.receivers if self._random.random() < 0.3}
        seconds = self._random.uniform(1.0, 40.0)
        mute, deaf = self._network.mute, self._network.deaf
        for cut_off in self._random.choice(([mute], [deaf], [mute, deaf])):
            cut_off |= hosts
            self._clock.after(seconds, partial(cut_off.difference_update, hosts))

    def _crash_server(self, *, down_seconds_max: float) -> None:
        """Crash the server if it is up, start it again within `down_seconds_max` seconds, and let a reader search then."""
        if self._server.is_up:
            self._lan.count("server crashed at rest")
            self._server.crash()
        started_in = self._random.uniform(0.0, down_seconds_max)
        self._clock.after(started_in, self._server.start)
        search = Query(View.NOTES, words=self._random.choice(WORDS))  # for an index that the crash may have damaged
        self._clock.after(started_in + self._random.uniform(0.0, 0.2), partial(self._users.readers.read, search))

    def _move_server(self) -> None:
        """Give the server other addresses. Mostly, another server then gets its old ones."""
        self._lan.count("server moved")
        old = self._server.addresses
        self._crash_server(down_seconds_max=5.0)
        self._server.move(self._new_addresses())
        if self._random.random() < 0.8:
            self._lan.count("another server at the old address")
            self._foreign_notebooks.append(NotebookDisk(Counter()))
            ServerHost(self._lan, self._foreign_notebooks[-1], old)

    def _jump_amid_parts(self, *, looks: int) -> None:
        """Let the server's clock jump as soon as the notebook has parts of an incomplete entry, or after `looks` more looks."""
        if looks and not self._lan.notebook.unfinished:
            self._clock.after(LOOK_SECONDS, partial(self._jump_amid_parts, looks=looks - 1))
            return
        self._lan.count("server clock jumped")
        self._server.jump_clock()

    def _import_meanwhile(self) -> None:
        """Sometimes let a user begin an import now."""
        if self._random.random() < IMPORT_RATE:
            self._users.import_file()

    def _change_key(self) -> None:
        """Give the notebook a new key. The old one is accepted until the faults end, for a shorter time, or not at all."""
        seals = self._lan.seals
        if seals.may_rotate:
            self._lan.count("key changed")
            seconds = self._random.choice((0.0, self._random.uniform(0.0, 30.0)))
            accepted_until = min(self._clock.now + seconds, self._scenario.trouble_seconds)
            seals.rotate(accepted_until)
            self._server.look_at_keys()
            self._clock.at(accepted_until + 0.001, self._server.look_at_keys)

    def _fill_disk(self) -> None:
        """Fill the notebook's disk for a while, and let one note be revised meanwhile."""
        self._lan.count("disk filled")
        self._lan.was_full = True
        self._lan.notebook.fill()
        seconds = self._random.uniform(1.0, 30.0)
        self._clock.after(seconds, self._lan.notebook.free)
        self._users.revise_again_and_again(self._random.choice(self._users.installations), seconds)

    def _send_noise(self) -> None:
        self._lan.count("noise sent")
        source = (self._lan.new_host("10.0.2"), PORT)
        for address in self._random.choices(list(self._network.receivers) or [source], k=NOISE_DATAGRAMS):
            self._network.send(noise(self._random), source, address)

    def _new_addresses(self) -> list[Address]:
        return [(self._lan.new_host("10.0.1"), PORT) for _ in range(2 if self._scenario.has_two_addresses else 1)]
