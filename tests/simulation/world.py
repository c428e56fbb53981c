"""One seed from beginning to end: trouble, healing, settling, aftermath."""

from collections import Counter
from functools import partial
from typing import NamedTuple

from tests.simulation.disks import NotebookDisk, OutboxDisk
from tests.simulation.network import CALM, REPLAY_SECONDS, noise
from tests.simulation.processes import Installation
from tests.simulation.scenario import draw_scenario, draw_text
from tests.simulation.servers import ServerHost
from tests.simulation.stage import PORT, Stage, Trace
from tests.simulation.witness import UNHEARD_SECONDS_MAX, Violation
from udpnote.lan.datagrams import Address
from udpnote.storage.outbox import KnownNotebook

SETTLING_SECONDS_MAX = 180.0
"""Once the network is well, everything is stored within this: the longest pause of a search, one of a timer, some turns."""

COMMAND_SECONDS = 60.0
"""While things settle, users run a command so often; each delivers what earlier ones have left."""

NOISE_DATAGRAMS = 20


class Outcome(NamedTuple):
    """What became of a seed that kept every promise."""

    seed: int
    entries: int
    settled_seconds: float
    coverage: Counter[str]


def simulate(seed: int, trace: Trace | None = None) -> Outcome:
    """Run one seed; raises `Violation`, or what the code under test raises, if a promise is broken."""
    world = World(seed, trace)
    try:
        return world.run()
    finally:
        world.close()


class World:
    """The LAN of one seed."""

    def __init__(self, seed: int, trace: Trace | None) -> None:
        self._seed = seed
        self._stage = Stage(seed, trace)
        self._random, self._clock, self._network = self._stage.random, self._stage.clock, self._stage.network
        self._scenario = draw_scenario(self._random)
        if self._scenario.weather.replay:
            self._stage.unheard_seconds = UNHEARD_SECONDS_MAX
        self._hosts = self._texts = 0
        self._server = ServerHost(self._stage, self._stage.notebook, self._new_addresses())
        self._foreign_notebooks: list[NotebookDisk] = []
        self._copied: list[Installation] = []
        self._installations = [self._install() for _ in range(self._scenario.installations)]

    def run(self) -> Outcome:
        """All of it, with every check."""
        self._stage.tell("{}", self._scenario)
        self._plan()
        self._clock.run(self._scenario.trouble_seconds)
        self._heal()
        settled_seconds = self._settle()
        self._observe_aftermath()
        self._check()
        return Outcome(self._seed, self._stage.witness.entries, settled_seconds, self._stage.coverage)

    def close(self) -> None:
        """Do away with all disks."""
        for notebook in (self._stage.notebook, *self._foreign_notebooks):
            notebook.close()
        for installation in self._installations:
            installation.outbox.close()

    def _plan(self) -> None:
        self._network.weather = self._scenario.weather
        self._stage.client_crash_rate = self._scenario.client_crash_rate
        self._stage.server_crash_rate = self._scenario.server_crash_rate
        for time, kind in self._scenario.incidents:
            self._clock.at(time, partial(self._have_incident, kind))
        for installation in self._installations:
            self._plan_writes(installation)

    def _heal(self) -> None:
        """From now on nothing goes wrong any more; what was replayed or late may still arrive."""
        self._stage.tell("all is well again")
        self._network.weather = CALM
        self._network.mute.clear()
        self._network.deaf.clear()
        self._stage.client_crash_rate = self._stage.server_crash_rate = 0.0
        self._stage.notebook.free()
        self._stage.notebook.fail(False)
        self._server.start()

    def _settle(self) -> float:
        """Wait until nothing waits; gives how many seconds that took."""
        healed_at = self._clock.now
        command_at = healed_at
        while self._clock.now < healed_at + SETTLING_SECONDS_MAX:
            if self._clock.now >= command_at:
                command_at += COMMAND_SECONDS
                for installation in self._installations:
                    installation.command()
            self._clock.run(self._clock.now + 1.0)
            if all(installation.is_settled for installation in self._installations):
                return self._clock.now - healed_at
        raise Violation(f"not settled {SETTLING_SECONDS_MAX:.0f} seconds after the network was well again")

    def _observe_aftermath(self) -> None:
        """Have all the replays arrive: nobody must be stirred by them."""
        self._stage.tell("all is settled")
        sent = self._stage.courier_datagrams
        self._clock.run(self._clock.now + REPLAY_SECONDS[1])
        if self._stage.courier_datagrams != sent:
            raise Violation("a client with nothing to send has sent something")

    def _check(self) -> None:
        self._stage.witness.look_at_all()
        for installation in self._installations:
            installation.check()
        if not all(notebook.is_empty for notebook in self._foreign_notebooks):
            raise Violation("something of ours is in another notebook")

    def _plan_writes(self, installation: Installation) -> None:
        for _ in range(self._random.randint(1, self._scenario.writes)):
            time = self._random.uniform(self._clock.now, self._scenario.trouble_seconds)
            self._clock.at(time, partial(self._write, installation, self._scenario.long_entries))

    def _write(self, installation: Installation, long_entries: float) -> None:
        texts = []
        for _ in range(self._random.choice((1, 1, 1, 2, 5))):
            self._texts += 1
            texts.append(draw_text(self._random, self._texts, long_entries=long_entries))
        installation.write(texts)

    def _install(self) -> Installation:
        """An installation that knows the notebook's address, or an old one, or nothing."""
        outbox = OutboxDisk()
        known = self._random.choice(("here", "here", "elsewhere", "nowhere"))
        if known != "nowhere":
            host = self._server.addresses[0][0] if known == "here" else self._new_host("10.0.1")
            outbox.remember(KnownNotebook(self._stage.notebook_id, "simulated", host, PORT, 0), may_choose=True)
        host = self._new_host("10.0.0")
        is_short_lived = self._random.random() < 0.4
        return Installation(self._stage, outbox, host=host, is_short_lived=is_short_lived)

    def _have_incident(self, kind: str) -> None:
        self._stage.tell("incident: {}", kind)
        installation = self._random.choice(self._installations)
        match kind:
            case "partition":
                self._cut_off()
            case "power failure":
                installation.lose_power()
            case "server crash":
                self._stop_server(20.0)
            case "server move":
                self._move_server()
            case "server clock jump":
                self._stage.count("server clock jumped")
                self._server.jump_clock()
            case "client clock jump":
                self._stage.count("client clock jumped")
                installation.jump_clock()
            case "disk full":
                self._fill_disk()
            case "disk broken":
                self._stage.notebook.fail(True)
                self._clock.after(self._random.uniform(1.0, 30.0), partial(self._stage.notebook.fail, False))
            case "outbox copied":
                self._copy(installation)
            case "second process":
                self._stage.count("second process started")
                installation.start()
            case "client crash":
                installation.crash()
            case "client move":
                self._stage.count("client moved")
                installation.move(self._new_host("10.0.0"))
            case "garbage":
                self._send_noise()

    def _cut_off(self) -> None:
        """Some hosts are not heard, or do not hear, or neither."""
        hosts = {address[0] for address in self._network.addresses() if self._random.random() < 0.3}
        seconds = self._random.uniform(1.0, 40.0)
        mute, deaf = self._network.mute, self._network.deaf
        for cut_off in self._random.choice(([mute], [deaf], [mute, deaf])):
            cut_off |= hosts
            self._clock.after(seconds, partial(cut_off.difference_update, hosts))

    def _stop_server(self, seconds_max: float) -> None:
        if self._server.is_up:
            self._stage.count("server crashed at rest")
            self._server.crash()
        self._clock.after(self._random.uniform(0.0, seconds_max), self._server.start)

    def _move_server(self) -> None:
        """The server gets other addresses, and sometimes another one takes its old ones."""
        self._stage.count("server moved")
        old = self._server.addresses
        self._stop_server(5.0)
        self._server.move(self._new_addresses())
        if self._random.random() < 0.6:
            self._stage.count("another server at the old address")
            self._foreign_notebooks.append(NotebookDisk(Counter()))
            ServerHost(self._stage, self._foreign_notebooks[-1], old)

    def _fill_disk(self) -> None:
        self._stage.count("disk filled")
        self._stage.was_full = True
        self._stage.notebook.fill()
        self._clock.after(self._random.uniform(1.0, 30.0), self._stage.notebook.free)

    def _copy(self, installation: Installation) -> None:
        """Copy an outbox, once: copies of an entry that is about to be renewed would be two entries."""
        if installation in self._copied:
            return
        self._stage.count("outbox copied")
        copy = installation.copy(host=self._new_host("10.0.0"))
        self._copied += [installation, copy]
        self._installations.append(copy)
        if self._random.random() < 0.5:
            copy.start()
            copy.start()
        for twin in (installation, copy):
            self._plan_writes(twin)
            if self._random.random() < 0.5:  # entries in parts, which travel under one identity at the same time
                self._clock.after(self._random.uniform(0.0, 0.5), partial(self._write, twin, 1.0))

    def _send_noise(self) -> None:
        self._stage.count("noise sent")
        source = (self._new_host("10.0.2"), PORT)
        for address in self._random.choices(self._network.addresses() or [source], k=NOISE_DATAGRAMS):
            self._network.send(noise(self._random), source, address)

    def _new_host(self, network: str) -> str:
        self._hosts += 1
        return f"{network}.{self._hosts}"

    def _new_addresses(self) -> list[Address]:
        return [(self._new_host("10.0.1"), PORT) for _ in range(2 if self._scenario.has_two_addresses else 1)]
