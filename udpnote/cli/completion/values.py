"""The values that completion suggests: notebooks and sequences from the outbox, tags and numbers from the notebook."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from udpnote.cli.completion.word_at_cursor import Kind, Suggestion, WordAtCursor
from udpnote.cli.options.client_options import ClientOptions
from udpnote.cli.terminal.streams import is_printed_whole
from udpnote.cli.terminal.text import count
from udpnote.errors import UdpnoteError
from udpnote.settings import load_settings
from udpnote.text.language import gettext as _

if TYPE_CHECKING:
    from udpnote.client.reading.notebook_reader import NotebookReader
    from udpnote.model.notebook import KnownNotebook
    from udpnote.storage.outbox.outbox import Outbox

Item = TypeVar("Item")

ANSWER_SECONDS = 0.3
"""How long a server may take to answer. A person who presses Tab does not like to wait longer."""

NOTES_MAX = 50
"""How many of the latest notes are suggested by their numbers. More would not fit on a screen."""

HELP_CHARACTERS_MAX = 60
"""How many characters of a note's text are shown beside its number."""

_PLAIN = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ._-/+@%,#")


def is_plain(text: str) -> bool:
    """Return whether `text` does no harm in any shell. Shells evaluate some suggestions, and names and tags come from the
    network.

    A plain text has only letters, digits, spaces and a few signs of ASCII, and visible characters beyond ASCII. It does not
    begin with a hyphen, and is not empty.
    """
    return bool(text) and text[0] != "-" and all(each in _PLAIN or (each > "\x7f" and each.isprintable()) for each in text)


def values(word: WordAtCursor) -> list[Suggestion]:
    """Return the values of the kind `word.kind`, such as tags, that begin with what the user has typed.

    Tags and numbers are read from the notebook: the server may take `ANSWER_SECONDS` to answer. The list is empty if the outbox
    or the notebook cannot be read, or if it is not known yet which notebook is meant.
    """
    try:
        match word.kind:
            case Kind.NOTEBOOK | Kind.JOINED_NOTEBOOK:
                found = _notebooks(only_joined=word.kind is Kind.JOINED_NOTEBOOK)
            case Kind.SEQUENCE:
                found = _sequences()
            case Kind.TAG:
                sign = "#" if word.typed.startswith("#") else ""
                tallies = _read(lambda reader: reader.tags(), word.given)
                found = [Suggestion(sign + each.label, count(each.amount, "note", "notes")) for each in tallies]
            case Kind.NUMBER:
                latest = _read(lambda reader: list(reader.entries(newest_first=True, limit=NOTES_MAX)), word.given)
                found = [Suggestion(str(each.number), _start_of(each.entry.text)) for each in latest]
            case None:
                return []
    except UdpnoteError:
        return []
    return fitting(found, word.typed)


def fitting(found: Iterable[Suggestion], typed: str) -> list[Suggestion]:
    """Return those suggestions in `found` that begin with `typed` and are plain (`is_plain`), because a hostile server may send
    any tag.

    A word with characters that the terminal's encoding lacks is left out, because the shell would insert an escape in their
    place.
    """
    return [each for each in found if each.word.startswith(typed) and is_plain(each.word) and is_printed_whole(each.word)]


def _notebooks(*, only_joined: bool) -> list[Suggestion]:
    """Read the outbox, and return a suggestion for each known notebook, or with `only_joined` for each sealed one.

    It is the notebook's name or, if that is not unique or not plain (see `is_plain`), the start of the notebook's id.
    """
    from udpnote.model.notebook import name_or_id, short_id

    with _outbox() as outbox:
        known = outbox.notebooks()
    words = [(each, name_or_id(each, known)) for each in known if each.key_id is not None or not only_joined]
    return [Suggestion(word if is_plain(word) else short_id(each), _at_host(each)) for each, word in words]


def _at_host(notebook: "KnownNotebook") -> str:
    return _("{name} at {host}").format(name=notebook.name, host=notebook.host)


def _sequences() -> list[Suggestion]:
    """Read the outbox, and return the sequence numbers of the latest entries in it."""
    with _outbox() as outbox:
        waiting = outbox.listing(outbox.first_of_latest(NOTES_MAX))
    return [Suggestion(str(each.entry.sequence), _start_of(each.entry.text)) for each in waiting]


@contextmanager
def _outbox() -> "Iterator[Outbox]":
    """Open the outbox of the settings for reading in the block. If there is no outbox, none is made.

    Raises `UdpnoteError` if the settings or the outbox cannot be used.
    """
    from udpnote.storage.outbox.outbox import Outbox

    with closing(Outbox(load_settings().outbox, is_read_only=True)) as outbox:
        yield outbox


def _read(work: "Callable[[NotebookReader], list[Item]]", given: dict[str, str]) -> "list[Item]":
    """Call `work` with a reader of the notebook that the options `given` name, and return the result. The reader reads the
    notebook's file, or asks the notebook's server.

    If only a discovery could tell which notebook is meant, return an empty list: a discovery would send datagrams to all hosts
    of the LAN. Raises `UdpnoteError` if the notebook cannot be read.
    """
    file, port = given.get("--file"), given.get("--port")
    if file is not None:
        from udpnote.client.reading.file_reader import FileReader

        with FileReader(load_settings({"file": file}).file) as reader:
            return work(reader)
    options = ClientOptions(
        given.get("--server"), int(port) if port and port.isdecimal() else None, given.get("--notebook"), wait=ANSWER_SECONDS
    )
    with _outbox() as outbox, options.client(outbox=outbox, on_notice=lambda _: None) as client:
        return work(client) if client.is_notebook_decided else []


def _start_of(text: str) -> str:
    """The start of the first line of `text`, for the explanation of a number."""
    return text.lstrip().partition("\n")[0][:HELP_CHARACTERS_MAX]
