"""`udpnote follow`: entries as they are stored, for as long as somebody looks."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

from udpnote.cli import exit_codes
from udpnote.cli.filters import filters_of
from udpnote.cli.open_notebook import opened
from udpnote.cli.terminal.text import noted_line
from udpnote.model.entry import StoredEntry


def follow(
    flags: dict[str, Any], file: str | None, *, last: int, author: str | None, tags: Sequence[str], as_json: bool
) -> int:
    """Print the `last` entries, and then each new one, until Ctrl-C."""
    filters = filters_of(author, tags)
    try:
        with (
            opened(flags, file, is_errand_first=True) as (notebook, _),
            closing(_lines(notebook.follow(last=last, **filters), as_json=as_json)) as lines,
        ):
            for line in lines:
                print(line, flush=True)
    except KeyboardInterrupt:
        pass
    return exit_codes.DONE


def _lines(entries: Iterator[StoredEntry], *, as_json: bool) -> Generator[str]:
    shape = _object_line if as_json else _line
    for stored in entries:
        yield shape(stored)


def _line(stored: StoredEntry) -> str:
    return noted_line(stored.number, stored.entry)


def _object_line(stored: StoredEntry) -> str:
    from udpnote.cli.json_output import in_one_line, log_object

    return in_one_line(log_object(stored))
