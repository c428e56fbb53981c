"""Virtual time: actions happen in the order of their times, without any waiting."""

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]

STEPS_MAX = 100_000
"""Five times what the busiest seeds need: with more steps, something never ends."""


class Clock:
    """The time in seconds since the simulation began, and the actions to come."""

    def __init__(self) -> None:
        self.now = 0.0
        self._steps = 0
        self._scheduled = 0
        self._heap: list[tuple[float, int, Action]] = []

    def at(self, time: float, action: Action) -> None:
        """Have `action` happen at `time`; actions of the same time happen in the order of these calls."""
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
            assert self._steps < STEPS_MAX, "something never ends"
            action()
        self.now = until
