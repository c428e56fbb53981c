"""Which notes are listed, as the options say it."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from udpnote.client.notebook_reader import Filters
from udpnote.errors import InvalidSetting


class Selection(NamedTuple):
    """The options of `list` and `search`; None where one was not given."""

    limit: int | None
    since: str | None
    until: str | None
    on: str | None
    author: str | None
    tags: Sequence[str]
    is_all: bool
    is_reversed: bool

    @property
    def has_filters(self) -> bool:
        """Whether only some notes are meant."""
        return any((self.since, self.until, self.on, self.author, self.tags))

    def filters(self) -> Filters:
        """What notebooks are asked for; raises `InvalidSetting`."""
        if self.is_all and self.limit is not None:
            raise InvalidSetting("--all is all of them: leave out -n, or --all")
        since, until = self._times()
        return {"since": since, "until": until, **filters_of(self.author, self.tags)}

    def _times(self) -> tuple[int | None, int | None]:
        if self.since is None and self.until is None and self.on is None:
            return None, None
        from udpnote.cli.times import time_filters  # here, because most lists name no time

        return time_filters(self.since, self.until, self.on, time.time())


def filters_of(author: str | None, tags: Sequence[str]) -> Filters:
    """The filters that say who and what about; raises `InvalidSetting`."""
    if author is not None and not author.strip():
        raise InvalidSetting("--author is empty: name one, or leave it out")
    if tags:
        from udpnote.text.search_terms import fold_tag

        strange = [tag for tag in tags if not fold_tag(tag)]
        if strange:
            raise InvalidSetting(f"--tag: {strange[0]!r} is no tag: write for example milk or '#milk'")
    return {"author": author, "tags": tags}
