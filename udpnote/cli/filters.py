"""The options that choose which notes a command lists, prints or exports, and how they become filters of a reader."""

from collections.abc import Sequence
from typing import NamedTuple

from udpnote.client.notebook_reader import Filters
from udpnote.clock import wall_seconds
from udpnote.errors import InvalidSetting


class FilterOptions(NamedTuple):
    """The options that choose among the notes, as they were typed; None: the option was not given."""

    since: str | None = None
    until: str | None = None
    on: str | None = None
    author: str | None = None
    tags: Sequence[str] | None = None

    @property
    def are_given(self) -> bool:
        """Whether at least one option was given."""
        return any(self)

    def parsed(self) -> Filters:
        """The filters for a `NotebookReader`. Raises `InvalidSetting` if an option has a wrong value."""
        if self.author is not None and not self.author.strip():
            raise InvalidSetting("author_filter_empty")
        tags = self.tags or ()
        if tags:
            _check_tags(tags)
        since, until = self._times()
        return {"since": since, "until": until, "author": self.author, "tags": tags}

    def _times(self) -> tuple[int | None, int | None]:
        if self.since is None and self.until is None and self.on is None:
            return None, None
        from udpnote.cli.times import time_filters  # here, because most commands filter by no time

        return time_filters(self.since, self.until, self.on, wall_seconds())


NO_FILTERS = FilterOptions()
"""The value if none of the options was given: all notes."""


def _check_tags(tags: Sequence[str]) -> None:
    from udpnote.text.search_terms import fold_tag  # here, because most commands filter by no tag

    for tag in tags:
        if not fold_tag(tag):
            raise InvalidSetting("tag_filter_invalid", tag=tag)
