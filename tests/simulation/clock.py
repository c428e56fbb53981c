"""Virtual time: actions happen in the order of their times, and nothing waits."""

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]

STEPS_MAX = 100_000
"""Five times what the busiest seeds need: past it, something goes on and on."""


class Clock:
    """The time in seconds since the simulation began, and what is to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self._steps = 0
        self._scheduled = 0
        self._heap: list[tuple[float, int, Action]] = []

    def at(self, time: float, action: Action) -> None:
        """Have `action` happen at `time`; among equal times, in the order of asking."""
        self._scheduled += 1
        heappush(self._heap, (max(time, self.now), self._scheduled, action))

    def after(self, seconds: float, action: Action) -> None:
        """Have `action` happen in `seconds`."""
        self.at(self.now + seconds, action)

    def run(self, until: float) -> None:
        """Have everything happen that is due by `until`."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, action = heappop(self._heap)
            self._steps += 1
            assert self._steps < STEPS_MAX, "something goes on and on"
            action()
        self.now = until
