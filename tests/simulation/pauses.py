"""Pauses: processes that are stopped, hosts that sleep, and a server that hangs, for example because its disk does.

None of them crashes. When they go on, all their timers are due at once, and what they send or answer may be long out of date.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from tests.simulation.lan import Lan
from tests.simulation.processes import Process
from tests.simulation.servers import ServerHost

KIND_RATE = 0.4  # the share of seeds with each kind of pause
PAUSES_MAX = 3  # of each kind
LOOK_SECONDS, LOOKS_MAX = 0.002, 500  # the pause between two looks for a process that waits, and how many looks there are
PAUSE_SECONDS = (0.05, 1.0, 20.0, 40.0)  # the longest pause: each time, one of these is drawn


class Pauses:
    """Plans the pauses of one seed, which all end within `trouble_seconds`.

    They have random numbers of their own, so that seeds without pauses do not depend on this module.
    """

    def __init__(self, lan: Lan, server: ServerHost, trouble_seconds: float) -> None:
        self._lan, self._server, self._trouble_seconds = lan, server, trouble_seconds
        self._random = Random(f"pauses of {lan.seed}")

    def plan(self) -> None:
        stop, sleep = partial(self._pause_a_process, self._stop), partial(self._pause_a_process, self._send_to_sleep)
        for pause in (stop, sleep, self._hang_the_server):
            if self._random.random() < KIND_RATE:
                for _ in range(self._random.randint(1, PAUSES_MAX)):
                    self._lan.clock.at(self._random.uniform(0.0, self._trouble_seconds), pause)

    def _end(self) -> float:
        """Draw when a pause that begins now ends."""
        now, longest = self._lan.clock.now, self._random.choice(PAUSE_SECONDS)
        return min(now + self._random.uniform(0.0, longest), self._trouble_seconds)

    def _stop(self, process: Process) -> None:
        """Stop a process, as Ctrl-Z does. Its clock goes on, and its sockets keep what arrives, as far as they have room."""
        self._lan.count("process stopped")
        process.stop()
        self._lan.clock.at(self._end(), partial(process.go_on, lost_seconds=0.0))

    def _send_to_sleep(self, process: Process) -> None:
        """Send the host of a process to sleep: what arrives is lost. Its monotonic clock stands still, as on Linux, or goes on,
        as on other systems.
        """
        self._lan.count("host asleep")
        host, network, end = process.endpoint.address[0], self._lan.network, self._end()
        for cut_off in (network.mute, network.deaf):
            cut_off.add(host)
            self._lan.clock.at(end, partial(cut_off.discard, host))
        lost_seconds = (end - self._lan.clock.now) * self._random.randrange(2)
        for each in self._lan.processes:
            if each.endpoint.address[0] == host and not each.is_stopped:
                each.stop()
                self._lan.clock.at(end, partial(each.go_on, lost_seconds=lost_seconds))

    def _hang_the_server(self) -> None:
        if self._server.is_up:
            self._lan.count("server hung")
            self._server.hang(self._end())

    def _pause_a_process(self, pause: Callable[[Process], None], *, looks: int = LOOKS_MAX) -> None:
        """Do `pause` to a process that waits for an answer. If there is none, look again later, up to `looks` times."""
        waiting = [process for process in self._lan.processes if process.endpoint.awaits_answer and not process.is_stopped]
        if waiting:
            pause(self._random.choice(waiting))
        elif looks and self._lan.clock.now < self._trouble_seconds:
            self._lan.clock.after(LOOK_SECONDS, partial(self._pause_a_process, pause, looks=looks - 1))
