"""Opens the notebook that a command reads, through its server or from its file, and delivers queued entries beside that."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from udpnote.cli.client_options import ClientOptions
from udpnote.cli.terminal.printer import Printer
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import InvalidQuery, InvalidSetting, Notice, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX, Kind
from udpnote.settings import load_settings

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.results import SentEntry

DELIVERY_WAIT_SECONDS = 1.0
"""How long a command that only reads waits for an answer when it also delivers queued entries."""


@contextmanager
def opened(
    options: ClientOptions, file: str | None, *, delivers_first: bool = False
) -> Iterator[tuple[NotebookReader, Printer]]:
    """The notebook in `file` or, if that is None, the one that a client with `options` uses; and a printer for the results.

    The client also delivers queued entries (see `QueuedDelivery`) at the end of the block. With `delivers_first` it does so at
    the beginning: `follow` needs that, because it ends only by Ctrl-C.
    """
    progress = IndexingProgress()
    printer = Printer(on_print=progress.clear)
    try:
        if file is not None:
            from udpnote.client.file_reader import FileReader

            with FileReader(notebook_path(file, options), on_indexing=progress.show, on_notice=progress.say) as reader:
                yield reader, printer
        else:
            delivery = QueuedDelivery()
            with delivery.client(options, progress) as client:
                if delivers_first:
                    delivery.run(client)
                yield client, printer
                if not delivers_first:
                    delivery.run(client)
    finally:
        progress.clear()


class QueuedDelivery:
    """Delivers queued entries beside a command's own work, and reports overtaken revisions (see `Client.overtaken`)."""

    def __init__(self) -> None:
        self._delivered = 0

    def client(self, options: ClientOptions, progress: IndexingProgress) -> "Client":
        """A client for the command; the queued entries that it delivers are counted for the message of `run`."""
        return options.client(on_delivered=self._count, on_notice=progress.say, on_indexing=progress.show)

    def run(self, client: "Client") -> None:
        """Deliver queued entries, and report overtaken revisions. Errors are ignored: a later command tries again."""
        with suppress(UdpnoteError):
            if any(each.refused is None for each in client.waiting_counts()):
                client.deliver(wait=DELIVERY_WAIT_SECONDS)
        if self._delivered:
            say(f"{count(self._delivered, 'queued entry', 'queued entries')} delivered as well")
        with suppress(UdpnoteError):
            for overtaken in client.overtaken():
                say(
                    Notice(
                        "revision_overtaken",
                        number=overtaken.number,
                        note=overtaken.entry,
                        by_number=overtaken.by.number,
                        by_author=overtaken.by.entry.author,
                        is_deleted=overtaken.by.entry.kind is Kind.DELETION,
                    )
                )

    def _count(self, _sent: "SentEntry") -> None:
        self._delivered += 1


def notebook_path(file: str, options: ClientOptions) -> str:
    """The path of the notebook's file that `--notebook` names.

    Raises `InvalidSetting` if one of the `options` was given: they are for a server.
    """
    given = options.names_given
    if given:
        raise InvalidSetting("file_and_server", option=given[0])
    return load_settings({"notebook": file}).notebook


def parse_number(text: str) -> int:
    """The number in `42`, in `#42`, or in `#42*`, with which `list` shows a revised note. Raises `InvalidQuery`."""
    digits = text.strip().removeprefix("#").removesuffix("*")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(SEQUENCE_MAX))
    if not is_number or not 0 < int(digits) <= SEQUENCE_MAX:
        raise InvalidQuery("not_an_entry_number", text=text)
    return int(digits)
