"""When a server's loop serves readers and updates the search index, besides storing entries."""

BUSY_SECONDS = 0.1
"""Entries count as "keep coming" if the latest one was stored less than this time ago."""


class Schedule:
    """Times in monotonic seconds: when the loop may next serve readers (`reading_at`) and update the index (`indexing_at`).

    `stored_at` is when the loop stored the latest entry.
    """

    def __init__(self) -> None:
        self.reading_at = 0.0
        self.indexing_at = 0.0
        self.stored_at = float("-inf")

    def postpone(self, until: float) -> None:
        """Let the loop neither serve readers nor update the index before `until`, because an error has interrupted both."""
        self.reading_at = self.indexing_at = until

    def is_busy(self, now: float) -> bool:
        """Whether entries keep coming: the latest one was stored less than `BUSY_SECONDS` before `now`."""
        return now - self.stored_at < BUSY_SECONDS
