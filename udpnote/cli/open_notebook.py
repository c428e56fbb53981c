"""What a command reads: a notebook through its server, or its file; and what is done at the server on that occasion."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from udpnote.cli.terminal.printer import Paper
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count
from udpnote.client.notebook_reader import Reads, histories
from udpnote.errors import InvalidQuery, InvalidSetting, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX, Kind, StoredEntry
from udpnote.settings import load_settings

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.send_results import SentEntry
    from udpnote.client.server_reader import Overtaken

DELIVERY_WAIT_SECONDS = 1.0
"""How long a command that was only to read waits for the answers to what it delivers on that occasion."""


@contextmanager
def opened(flags: dict[str, Any], file: str | None, *, is_errand_first: bool = False) -> Iterator[tuple[Reads, Paper]]:
    """What is read, the notebook in `file` or the one that `flags` lead a client to, and where the results are printed.

    The client's errands are run when all is done, or, for a command that has no end, before it begins.
    """
    progress = IndexingProgress()
    paper = Paper(on_print=progress.clear)
    try:
        if file is not None:
            from udpnote.client.file_reader import Archive

            with Archive(notebook_path(file, flags), on_indexing=progress.show, on_notice=progress.say) as archive:
                yield archive, paper
        else:
            errands = Errands()
            with errands.client(flags, progress) as client:
                if is_errand_first:
                    errands.run(client)
                yield client, paper
                if not is_errand_first:
                    errands.run(client)
    finally:
        progress.clear()


class Errands:
    """What a command does at the server beside what it was asked for: it delivers what is queued, and brings back news."""

    def __init__(self) -> None:
        self._delivered = 0

    def client(self, flags: dict[str, Any], progress: IndexingProgress) -> "Client":
        """A client for the command and its errands."""
        from udpnote.client.client import Client

        return Client(**flags, on_delivered=self._count, on_notice=progress.say, on_indexing=progress.show)

    def run(self, client: "Client") -> None:
        """Run the errands and tell the user; what fails is no matter, and left to the next command."""
        with suppress(UdpnoteError):
            if any(each.refused is None for each in client.waiting()):
                client.deliver(wait=DELIVERY_WAIT_SECONDS)
        if self._delivered:
            say(f"{count(self._delivered, 'queued entry', 'queued entries')} delivered as well")
        with suppress(UdpnoteError):
            for overtaken in client.overtaken():
                say(_told(overtaken))

    def _count(self, _sent: "SentEntry") -> None:
        self._delivered += 1


def notebook_path(file: str, flags: dict[str, Any]) -> str:
    """The path of the notebook's file that `--notebook` names; raises `InvalidSetting` if `flags` name a server as well."""
    given = [key for key, value in flags.items() if value is not None]
    if given:
        raise InvalidSetting(f"--notebook is a file, and --{given[0].replace('_', '-')} is for a server: use one of them")
    return load_settings({"notebook": file}).notebook


def parse_number(text: str) -> int:
    """`42`, `#42`, or `#42*` as lists show it, as a number; raises `InvalidQuery`."""
    digits = text.strip().removeprefix("#").removesuffix("*")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(SEQUENCE_MAX))
    if not is_number or not 0 < int(digits) <= SEQUENCE_MAX:
        raise InvalidQuery(f"{text!r} is not the number of an entry: write 42 or '#42'")
    return int(digits)


def read_histories(notebook: Reads, numbers: Sequence[int]) -> dict[int, list[StoredEntry]]:
    """The versions of the notes that `numbers` name, in order, by each of these numbers that there is."""
    log = {stored.number: stored for stored in notebook.log(numbers=numbers)}
    found = histories([log[number] for number in sorted(log)])
    return {version.number: history for history in found.values() for version in history if version.number in numbers}


def _told(overtaken: "Overtaken") -> str:
    number, author = overtaken.by.number, overtaken.by.entry.author
    is_deleted = overtaken.by.entry.kind is Kind.DELETION
    deed = f"deleted by {author} (#{number})" if is_deleted else f"replaced by {author}'s #{number}"
    return (
        f"your revision #{overtaken.number} of #{overtaken.entry} was {deed}, who had not seen it: "
        f"`udpnote show {overtaken.entry} --history` has both"
    )
