"""Opens the notebook that a command reads, through its server or from its file, and delivers queued entries besides."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from udpnote.cli.client_options import ClientOptions
from udpnote.cli.terminal.printer import Printer
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import InvalidQuery, InvalidSetting, Notice, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX, Kind
from udpnote.settings import load_settings

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.results import SentEntry

IN_ASCII = str.maketrans("０１２３４５６７８９＃＊－", "0123456789#*-")
"""The signs of numbers and ranges as an input method for Chinese types them, with their ASCII forms, for `str.translate`."""

DELIVERY_WAIT_SECONDS = 1.0
"""How long a command with another purpose waits without an answer when it also delivers queued entries."""


@contextmanager
def opened(
    options: ClientOptions, file: str | None, *, delivers_first: bool = False
) -> Iterator[tuple[NotebookReader, Printer]]:
    """Open a notebook to read it in the block, and give the block two values: its reader, and a printer for the results.

    The reader is a `FileReader` of the notebook's file `file` or, if that is None, a `Client` with `options`. Both are closed
    after the block. A search that waits for the search index shows this on standard error until a result is printed.

    A `Client` also delivers queued entries, as `QueuedDelivery.run` describes: at the end of the block, unless the block raises
    an error. With `delivers_first` it does so before the block: `follow` needs that, because only Ctrl-C ends it.

    Raises `InvalidSetting` if there is a `file` and also one of the `options`, and the errors of opening the file or the
    client.
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
    """Delivers the user's queued entries, and reports overtaken revisions, in a command that has another purpose.

    A revision is overtaken if somebody else has stored the next version without having seen it (see `Client.overtaken`).
    """

    def __init__(self) -> None:
        self._delivered = 0

    def client(self, options: ClientOptions, progress: IndexingProgress) -> "Client":
        """Open a `Client` with `options` that shows its notices, and the state of the search index, through `progress`.

        The caller must close it. Each queued entry that it delivers is counted, also before `run` is called.
        """
        return options.client(on_delivered=self._count, on_notice=progress.say, on_indexing=progress.show)

    def run(self, client: "Client") -> None:
        """Deliver the entries that wait in the outbox for the notebook of `client`.

        The method `client` of this object must have opened `client`: this object counts only the deliveries of such a client.
        The delivery ends after `DELIVERY_WAIT_SECONDS` without an answer. Then this method prints how many queued entries
        `client` has delivered since it was opened, and a message for each overtaken revision. An `UdpnoteError` is ignored: a
        later command tries again.
        """
        with suppress(UdpnoteError):
            if any(each.refused is None for each in client.waiting_counts()):
                client.deliver(wait=DELIVERY_WAIT_SECONDS)
        if self._delivered:
            say(Notice("queued_entries_delivered", entries=self._delivered))
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
    """The absolute path of the notebook's file, from the value `file` of `--file`; `~` in it is the user's home.

    Raises `InvalidSetting` if one of the `options` was given, because these are for a server.
    """
    given = options.names_given
    if given:
        raise InvalidSetting("file_and_server", option=given[0])
    return load_settings({"file": file}).file


def parse_number(text: str) -> int:
    """The number of an entry from `text`: `42`, `#42`, or `#42*`, as `list` prints the number of a revised note.

    The signs may be full-width: `＃４２`. Raises `InvalidQuery` for any other text, and for a number that no entry can have.
    """
    digits = text.translate(IN_ASCII).strip().removeprefix("#").removesuffix("*")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(SEQUENCE_MAX))
    if not is_number or not 0 < int(digits) <= SEQUENCE_MAX:
        raise InvalidQuery("not_an_entry_number", text=text)
    return int(digits)
