"""Decides when a server's loop serves readers and updates the search index, besides storing entries."""

KEEP_COMING_SECONDS = 0.1
"""While the latest entry was stored less than this time ago, entries "keep coming" (see `Schedule.is_busy`)."""


class Schedule:
    """When the loop may next serve readers (`reading_at`) and update the search index (`indexing_at`).

    `stored_at` is when the loop stored the latest entry. All times are monotonic, in seconds.
    """

    def __init__(self) -> None:
        self.reading_at = 0.0
        self.indexing_at = 0.0
        self.stored_at = float("-inf")
        self._postponed_to = 0.0

    def postpone(self, until: float) -> None:
        """After an error of the disk, let the loop neither serve readers nor update the index before `until`."""
        self.reading_at = self.indexing_at = self._postponed_to = until

    def wait_until(self, quiet: float) -> None:
        """Do not let the loop update the index before `quiet`. If `postpone` has set a later time, that time counts."""
        self.indexing_at = max(quiet, self._postponed_to)

    def is_busy(self, now: float) -> bool:
        """Whether entries keep coming: the latest one was stored less than `KEEP_COMING_SECONDS` before `now`."""
        return now - self.stored_at < KEEP_COMING_SECONDS
