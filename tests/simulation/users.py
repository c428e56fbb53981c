"""Simulates the users of one seed, who install clients, open pages in browsers, write, revise, read, follow, and import."""

from collections.abc import Sequence
from functools import partial
from random import Random

from tests.simulation.browsers import Browser, Page
from tests.simulation.disks import OutboxDisk
from tests.simulation.importers import ImportingProcess, ImportingUser
from tests.simulation.lan import Lan
from tests.simulation.readers import ReadingUsers
from tests.simulation.scenario import AUTHORS, Scenario, draw_file, draw_lines, draw_query, draw_revised, draw_text
from tests.simulation.senders import Installation
from tests.simulation.servers import ServerHost
from udpnote.client.sending.import_queue import Imported
from udpnote.model.entry import Kind, StoredEntry
from udpnote.model.query import Query, View

LONG_CHARACTERS = 2000  # a note of this length needs several pages
MEANWHILE_SECONDS = 0.05  # about how long reading it takes if something is lost


class Users:
    """All users of the notebook that `server` keeps."""

    def __init__(self, lan: Lan, scenario: Scenario, server: ServerHost) -> None:
        self._lan, self._scenario, self._server = lan, scenario, server
        self._random, self._clock = lan.random, lan.clock
        self._texts = 0
        self._outboxes: list[OutboxDisk] = []
        self._copied: list[Installation] = []
        self.readers = ReadingUsers(lan, new_outbox=self._new_outbox)
        self.imports: list[ImportingUser] = []
        self.installations = [self._install() for _ in range(scenario.installations)]
        self._browser_random = Random(f"browsers of {lan.seed}")  # its own, so that seeds without browsers stay as they are
        self._page: Page | None = None
        self.browsers: list[Browser] = []
        self._open_browsers(self._browser_random.choice((0, 0, 1, 3)))

    @property
    def unsettled(self) -> list[str]:
        """The users who still wait for an entry to be stored, or for something to be read."""
        users: dict[str, Installation | ImportingUser | ReadingUsers | Browser] = {"readers": self.readers}
        users |= {f"browser {number}": user for number, user in enumerate(self.browsers)}
        users |= {f"importer {number}": user for number, user in enumerate(self.imports)}
        users |= {f"sender {number}": user for number, user in enumerate(self.installations)}
        return [name for name, user in users.items() if not user.is_settled]

    def close(self) -> None:
        for outbox in (*self._outboxes, *(installation.outbox for installation in self.installations)):
            outbox.close()

    def plan(self) -> None:
        """Plan what the users do until the faults end, and when."""
        for installation in self.installations:
            self._plan_writes(installation)
        plans = ((self._read, self._scenario.readings), (self._follow, self._scenario.followers))
        for action, times in (*plans, (self.import_file, self._scenario.imports)):
            for _ in range(times):
                self._clock.at(self._random.uniform(0.0, self._scenario.trouble_seconds), action)
        random = self._browser_random
        for browser in self.browsers:
            for _ in range(random.randint(1, self._scenario.writes)):
                self._clock.at(random.uniform(0.0, self._scenario.trouble_seconds), partial(self._write_in_browser, browser))
        if self._page is not None:
            for _ in range(random.randint(0, 4)):
                self._clock.at(random.uniform(0.0, self._scenario.trouble_seconds), self._page.crash)

    def command(self) -> None:
        """Let a process of each installation deliver the entries that wait."""
        for installation in self.installations:
            installation.command()

    def write(self, installation: Installation, *, long_entries: float) -> None:
        """Let a few new notes be written. `long_entries` is the share (0 to 1) of long ones."""
        installation.write(self._new_texts(self._random.choice((1, 1, 1, 2, 5)), long_entries))

    def revise_again_and_again(self, installation: Installation, seconds: float) -> None:
        """Let one note be revised a few times, within 1.5 × `seconds`, and before the faults end."""
        last = self._lan.witness.history.last
        if last:
            revises = draw_revised(self._random, last)
            for _ in range(self._random.randint(0, 4)):
                [text] = self._new_texts(1, 0.0)
                time = self._clock.now + self._random.uniform(0.0, 1.5 * seconds)
                self._clock.at(min(time, self._scenario.trouble_seconds), partial(installation.revise, revises, text))

    def write_letter(self, installation: Installation) -> None:
        """Let one long note be written, which needs several parts."""
        self._texts += 1
        installation.write([draw_lines(self._texts)])

    def copy(self, installation: Installation) -> None:
        """Copy an installation, unless it was copied before, or is a copy.

        With more copies, two copies of one entry could get new identities because of conflicts, and be stored as two entries.
        """
        if installation in self._copied:
            return
        self._lan.count("outbox copied")
        copy = installation.copy(host=self._lan.new_host("10.0.0"))
        self._copied += [installation, copy]
        self.installations.append(copy)
        if self._random.random() < 0.5:
            copy.start()
            copy.start()
        for twin in (installation, copy):
            self._plan_writes(twin)
            if self._random.random() < 0.5:  # their parts travel under the same identity at the same time
                self._clock.after(self._random.uniform(0.0, 0.5), partial(self.write, twin, long_entries=1.0))

    def _plan_writes(self, installation: Installation) -> None:
        for _ in range(self._random.randint(1, self._scenario.writes)):
            time = self._random.uniform(self._clock.now, self._scenario.trouble_seconds)
            is_revision = self._random.random() < self._scenario.revisions
            action = self._revise if is_revision else self.write
            self._clock.at(time, partial(action, installation, long_entries=self._scenario.long_entries))

    def _revise(self, installation: Installation, *, long_entries: float) -> None:
        """Revise or delete an entry, perhaps one that is not there, or not there yet."""
        revises = draw_revised(self._random, self._lan.witness.history.last)
        if self._random.random() < 0.3:
            installation.revise(revises, None)
        else:
            [text] = self._new_texts(1, long_entries)
            installation.revise(revises, text)

    def _new_texts(self, count: int, long_entries: float) -> list[str]:
        self._texts += count
        numbers = range(self._texts - count + 1, self._texts + 1)
        return [draw_text(self._random, number, long_entries=long_entries) for number in numbers]

    def _open_browsers(self, count: int) -> None:
        if count:
            self._page = Page(self._lan, self._new_outbox())
            self.browsers = [Browser(self._lan, self._page, self._browser_random) for _ in range(count)]

    def _write_in_browser(self, browser: Browser) -> None:
        """Write a few notes in a browser, and perhaps revise or delete entries."""
        random = self._browser_random
        for text in self._new_texts(random.choice((1, 1, 3, 8)), self._scenario.long_entries):
            browser.write(text)
        for _ in range(random.choice((0, 0, 1, 3)) if self._scenario.revisions else 0):
            revises = draw_revised(random, self._lan.witness.history.last)
            [text] = self._new_texts(1, 0.0)
            is_deletion = random.random() < 0.2
            browser.write("" if is_deletion else text, kind=Kind.DELETION if is_deletion else Kind.REVISION, revises=revises)

    def _read(self) -> None:
        query, limit = draw_query(self._random, last=self._lan.witness.history.last, now=self._clock.wall_microseconds)
        self.readers.read(query, limit=limit)
        long = self._lan.witness.history.long_notes(LONG_CHARACTERS)
        if long and self._scenario.revisions:
            self._read_what_is_revised(self._random.choice(long))

    def _read_what_is_revised(self, number: int) -> None:
        """Let the note `number`, which needs several pages, be read, and revised meanwhile."""
        self.readers.read(Query(View.NOTES, numbers=(number,)))
        [text] = self._new_texts(1, 1.0)
        revise = partial(self._random.choice(self.installations).revise, number, text)
        self._clock.after(self._random.uniform(0.0, MEANWHILE_SECONDS), revise)

    def _follow(self) -> None:
        author = self._random.choice(("", "", AUTHORS[0], self._random.choice(self.installations).author))
        query = Query(View.LOG, author=author)
        if self._random.random() < 0.4:
            self.readers.follow_from(query, 1)
        else:
            self.readers.follow(query, last=self._random.randint(1, 10))

    def import_file(self) -> None:
        """Let a user import a file: an export of another notebook or, sometimes, of this one."""
        witness = self._lan.witness
        if self._random.random() < 0.3:
            self._lan.count("own log imported")
            olds, orphans = witness.history.log, set[int]()
        else:
            olds = draw_file(self._random, self._new_texts(self._random.randint(1, 30), self._scenario.long_entries))
            orphans = witness.imports(olds).orphans
        self.imports.append(ImportingUser(self._lan, olds, orphans=orphans, new_outbox=self._new_outbox))
        self.imports[-1].begin()

    def import_again(self, olds: Sequence[StoredEntry]) -> list[Imported]:
        """Let a user import `olds`, without checks of the outcomes. The outcomes are added to the result while time passes."""
        process = ImportingProcess(self._lan, self._new_outbox(), olds, ended=lambda _: None)
        process.resume()
        return process.imported

    def _new_outbox(self) -> OutboxDisk:
        """Make the outbox of a user who knows the notebook, at its present address or at a wrong one."""
        host = self._server.addresses[0][0] if self._random.random() < 0.8 else self._lan.new_host("10.0.1")
        outbox = OutboxDisk()
        self._outboxes.append(outbox)
        self._keep(outbox, host)
        return outbox

    def _keep(self, outbox: OutboxDisk, host: str) -> None:
        """Let `outbox` know the notebook at the address `host`; join it if it is sealed."""
        if self._lan.seals.are_used:
            outbox.join(self._lan.known(host), self._lan.seals.key)
        else:
            outbox.remember(self._lan.known(host), may_choose=True)

    def _install(self) -> Installation:
        """Make an installation that knows the notebook at its present address, at a wrong one, or not at all."""
        outbox = OutboxDisk()
        known = self._random.choice(("here", "elsewhere", "nowhere"))
        host = self._server.addresses[0][0] if known == "here" else self._lan.new_host("10.0.1")
        is_unknown = known == "nowhere" and not self._lan.seals.are_used
        if not is_unknown:
            self._keep(outbox, host)
        wanted = self._lan.notebook_id.hex() if is_unknown else None
        host = self._lan.new_host("10.0.0")
        is_short_lived = self._random.random() < 0.4
        return Installation(self._lan, outbox, host=host, is_short_lived=is_short_lived, wanted=wanted)
