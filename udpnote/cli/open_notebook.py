"""Opens the notebook that a command reads, through its server or from its file, and says which file that is.

Also delivers queued entries, while a command that has another purpose has the notebook open.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from udpnote.cli.options.client_options import ClientOptions
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.styles import Printer
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidSetting, Notice, UdpnoteError
from udpnote.model.entry import Kind
from udpnote.settings import find_places, load_settings

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.sending.results import SentEntry

DELIVERY_WAIT_SECONDS = 1.0
"""How long a command that does something else, and also delivers queued entries, waits for an answer to them."""


@contextmanager
def opened(
    options: ClientOptions, file: str | None, *, delivers_first: bool = False
) -> Iterator[tuple[NotebookReader, Printer]]:
    """Open a notebook for reading. The block gets two values: a reader of the notebook, and a printer for the results.

    The reader is a `FileReader` of the notebook's file `file` or, if `file` is None, a `Client` with `options`. It is closed
    after the block. If a search has to wait until the search index is ready, standard error shows this until a result is
    printed.

    A `Client` also delivers queued entries (see `QueuedDelivery.run`): at the end of the block, unless the block raises an
    error. With `delivers_first`, it does so before the block. `follow` needs that, because only Ctrl-C ends it.

    Raises `InvalidSetting` if the user gave a `file` and also one of the `options`. Raises the errors of opening the file (see
    `FileReader`) or the client (see `ClientOptions.client`).
    """
    with IndexingProgress() as progress:
        printer = Printer(on_print=progress.clear)
        if file is not None:
            from udpnote.client.reading.file_reader import FileReader

            path = notebook_path(file, options)
            with FileReader(path, on_indexing=progress.show_indexed, on_notice=progress.say) as reader:
                yield reader, printer
            return
        delivery = QueuedDelivery()
        with delivery.client(options, progress) as client:
            if delivers_first:
                delivery.run(client)
            yield client, printer
            if not delivers_first:
                delivery.run(client)


class QueuedDelivery:
    """Delivers the user's queued entries in a command that has another purpose, and reports overtaken revisions.

    The user's revision is overtaken if another user, who had not seen it, has stored the next version of the note (see
    `Client.overtaken`).
    """

    def __init__(self) -> None:
        self._delivered = 0

    def client(self, options: ClientOptions, progress: IndexingProgress) -> "Client":
        """Open a `Client` with `options`. The caller must close it. The client shows notices, and the state of the search
        index, in `progress`.

        This object counts each queued entry that the client delivers, even before `run` is called.
        """
        return options.client(on_delivered=self._count, on_notice=progress.say, on_indexing=progress.show_indexed)

    def run(self, client: "Client") -> None:
        """Deliver the entries in the outbox that wait for the notebook of `client`. `client` must come from the method `client`
        of this object.

        The delivery ends after `DELIVERY_WAIT_SECONDS` without an answer. Then this prints how many queued entries `client` has
        delivered since it was opened, and a message about each overtaken revision. An `UdpnoteError` is ignored: a later
        command tries again.
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
                        note=overtaken.note,
                        by_number=overtaken.by.number,
                        by_author=overtaken.by.entry.author,
                        is_deleted=overtaken.by.entry.kind is Kind.DELETION,
                    )
                )

    def _count(self, _sent: "SentEntry") -> None:
        self._delivered += 1


def notebook_path(file: str, options: ClientOptions) -> str:
    """The absolute path of the notebook's file. `file` is the value of `--file`; a `~` in it stands for the user's home folder.

    Raises `InvalidSetting` if one of the `options` was given, because these are for a server.
    """
    given = options.names_given
    if given:
        raise InvalidSetting("file_and_server", option=given[0])
    return load_settings({"file": file}).file


def served_path(file: str | None) -> str:
    """Return the absolute path of the notebook's file: of `file`, or of the file in the settings if `file` is None.

    If other users of this machine can read one of the notebook's files, print a notice. It is printed only the first time.
    Raises `InvalidSetting` if `file` or a setting cannot be used.
    """
    from udpnote.storage.permissions import too_open, untold  # here, because no command that reads needs it

    path = load_settings({"file": file}).file
    places = find_places(os.environ)
    for notice in untold(too_open([path], places.folders), places.told):
        say(notice)
    return path


def serve_options(file: str | None, *, is_sealed: bool) -> str:
    """Return the options that `udpnote serve` needs to serve a notebook, with a space before each; empty if it needs none.

    `file` is the value of `--file`, or None if it was not given. `is_sealed` says whether the notebook is sealed. `--sealed` or
    `--open` is among the options only if the settings ask for the opposite.
    """
    from shlex import quote  # here, because it is slow to import, and no command that reads needs it

    settings = load_settings({"file": file})
    options = "" if file is None else f" --file {quote(settings.file)}"
    if settings.sealed in (None, is_sealed):
        return options
    return options + (" --sealed" if is_sealed else " --open")
