"""The options that choose which notes a command lists, prints or exports, and their values as filters of a `NotebookReader`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

from udpnote.cli.command_line.declared_command import Option, OptionGroup
from udpnote.errors import InvalidSetting
from udpnote.machine.clock import wall_seconds

if TYPE_CHECKING:
    from udpnote.client.reading.filters import Filters


class FilterOptions(NamedTuple):
    """The values of `--since`, `--until`, `--on`, `--author` and `--tag`, as the user typed them. A field is None if its option
    was not given.
    """

    since: str | None = None
    until: str | None = None
    on: str | None = None
    author: str | None = None
    tags: Sequence[str] | None = None

    @property
    def are_given(self) -> bool:
        """Whether at least one of the options was given, with a value that is not empty."""
        return any(self)

    def parsed(self) -> "Filters":
        """Return these options as the `Filters` for a `NotebookReader`. Words such as `yesterday` are relative to the present
        time.

        Raises `InvalidSetting` if `author` is blank, if one of `tags` is not exactly one tag, or if `time_filters` does not
        accept a time.
        """
        if self.author is not None and not self.author.strip():
            raise InvalidSetting("author_filter_empty")
        tags = self.tags or ()
        if tags:
            from udpnote.cli.options.added_tags import check_tags  # here, because most commands filter by no tag

            check_tags(tags)
        since: int | None = None
        until: int | None = None
        if (self.since, self.until, self.on) != (None, None, None):
            from udpnote.cli.options.times import time_filters  # here, because most commands filter by no time

            since, until = time_filters(self.since, self.until, self.on, wall_seconds())
        return {"since": since, "until": until, "author": self.author, "tags": tags}


Since = Annotated[
    str | None,
    Option("--since", metavar="TIME", help="Written at this time or later: 2026-11-23, '3 hours ago', 昨天上午."),
]
Until = Annotated[
    str | None,
    Option("--until", metavar="TIME", help="Written by the end of this day, or before this time: yesterday, 15:00."),
]
On = Annotated[
    str | None,
    Option("--on", metavar="DAY", help="Written on this day or in this span: monday, 'last week', 5月3日, 昨晚."),
]
By = Annotated[str | None, Option("--author", metavar="NAME", help="Written by this author; `lin` also matches lin@desk.")]
Tag = Annotated[list[str] | None, Option("--tag", metavar="TAG", help="With this tag, with or without its #. May be repeated.")]

AllFilters = Annotated[FilterOptions, OptionGroup(since=Since, until=Until, on=On, author=By, tags=Tag)]
"""The options that choose among the notes by time, author and tag."""

NO_FILTERS = FilterOptions()
"""The value for a command line on which the user has typed none of these options: all notes match."""
