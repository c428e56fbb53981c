"""What goes on while the prompt of `udpnote write` waits for a line: threads deliver queued entries, and show others' notes."""

import threading
from collections import deque
from contextlib import suppress
from types import TracebackType

from udpnote.cli.options.client_options import ClientOptions
from udpnote.cli.prompt import say_here
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.cli.terminal.text import shortened
from udpnote.client.client import Client
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.entry import StoredEntry
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.protocol.discovery import SETTLING_SECONDS

DELIVERY_PAUSE_SECONDS = 3.0
DELIVERY_PAUSE_MAX_SECONDS = 24.0
"""The pause before the next attempt to deliver queued entries. It doubles after each failed attempt, up to the maximum."""

DELIVERY_WAIT_SECONDS = SETTLING_SECONDS + 0.5
"""How long an attempt to deliver queued entries waits for an answer, in seconds. A line that the user types during an attempt
may have to wait as long.

It is longer than a discovery on the LAN, which takes `SETTLING_SECONDS` from the first answer on.
"""

NAME_CELLS_MAX = 40
"""A longer name of a notebook is shortened, so that its line fits on a terminal of 80 columns."""

OUTPUT_PAUSE_SECONDS = 1.0
"""The least time between two outputs of others' entries, so that many entries at once leave the prompt usable."""

SHOWN_AT_ONCE_MAX = 5
"""The most entries in one output. If more have arrived, the output has the latest ones, and says how many others there are."""

ENTRY_LINES_MAX = 4
"""The most lines of an entry that are shown. `udpnote show` shows the others."""

LOOK_SECONDS = 0.5
"""The time between two checks whether the client's notebook is known now. A check costs little."""

RETRY_SECONDS = 3.0
"""How long after an error, such as a silent server, the next attempt to follow the notebook begins."""


class DestinationLine:
    """Prints the line that names the notebook to which typed lines go, as soon as the notebook is known, and after each change.

    A change is that the client uses another notebook, or that its notebook gets another name, is sealed, or is made open.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._printed: tuple[bytes, str] | None = None
        self._lock = threading.Lock()

    def print_if_new(self) -> None:
        """Print the line, if the notebook is known and the line is not the one that was printed last.

        Several threads may call this.
        """
        with self._lock, suppress(UdpnoteError):  # `send` of the next line reports the same error
            notebook = self._client.notebook
            if notebook is None:
                return
            kind = "write_to_open" if notebook.key_id is None else "write_to_sealed"
            line = notebook.notebook_id, str(Notice(kind, name=self._name(notebook)))
            if line != self._printed:
                self._printed = line
                say_here(line[1])

    def _name(self, notebook: KnownNotebook) -> str | Notice:
        """Return the name of `notebook`, shortened. If another known notebook has the same name, the first digits of the id
        follow.
        """
        return display_name(notebook, self._client.known(), shown=shortened(notebook.name, NAME_CELLS_MAX))


class BackgroundDelivery:
    """In its `with` block, a thread of its own delivers queued entries, even while the prompt waits for a line.

    The end of the block does not wait for the thread. The caller must then close `client`: that ends a delivery that has begun.
    """

    def __init__(self, client: Client, destination: DestinationLine) -> None:
        self._client = client
        self._destination = destination
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # closing the client ends a delivery that is still going on

    def _deliver(self) -> None:
        pause = DELIVERY_PAUSE_SECONDS
        while not self._ended.wait(pause):
            pause = self.attempt(pause)

    def attempt(self, pause: float) -> float:
        """Try to deliver the queued entries. Return how many seconds to wait before the next attempt.

        `pause` is how many seconds were waited before this one. The next pause is longer if entries wait and none of them could
        be delivered. Errors are not printed. If the notebook to which the lines go has changed, this prints which one it is.
        """
        waiting = left = 0
        with suppress(UdpnoteError):  # no server answers: the user read that when the entry was queued
            waiting = left = count_waiting(self._client)
            if waiting:
                self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
                self._destination.print_if_new()
                left = count_waiting(self._client)
        has_failed = 0 < waiting <= left
        return min(2 * pause, DELIVERY_PAUSE_MAX_SECONDS) if has_failed else DELIVERY_PAUSE_SECONDS


def count_waiting(client: Client) -> int:
    """How many entries in the outbox wait for delivery to any notebook. Refused entries are not counted."""
    return sum(each.entries for each in client.waiting_counts() if each.refused is None)


class NotesOfOthers:
    """In its `with` block, two threads print on the terminal the entries that others store in the notebook of `client`.

    Others are all people who do not use this user's outbox. Nothing is printed before the notebook of `client` is known. A
    second client, opened with `options`, reads the entries, so that `client` never waits for them. The end of the block does
    not wait for the threads to end.
    """

    def __init__(self, options: ClientOptions, client: Client) -> None:
        self._options, self._client = options, client
        self._live = LiveEntries()
        self._arrived: deque[StoredEntry] = deque(maxlen=SHOWN_AT_ONCE_MAX)
        self._passed_over = 0
        self._lock = threading.Lock()
        self._has_news, self._ended = threading.Event(), threading.Event()
        self._reader: Client | None = None

    def __enter__(self) -> None:
        for work in (self._follow, self._show):
            threading.Thread(target=work, name="udpnote notes of others", daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._ended.set()
        self._has_news.set()
        with self._lock:
            if self._reader is not None:
                self._reader.close()  # ends the reading

    def _follow(self) -> None:
        """Follow the notebook until the block ends. After an error, try again."""
        while not self._ended.is_set():
            notebook = None
            with suppress(UdpnoteError):  # the prompt says why nothing can be sent
                notebook = self._client.notebook
                if notebook is not None:
                    self._follow_notebook(notebook.notebook_id)
            self._ended.wait(LOOK_SECONDS if notebook is None else RETRY_SECONDS)

    def _follow_notebook(self, notebook_id: bytes) -> None:
        """Take each entry that others store in this notebook from now on, until the reader is closed. Raises `UdpnoteError`."""
        options = self._options._replace(notebook=notebook_id.hex())
        with options.client(on_notice=lambda _: None) as reader:
            with self._lock:
                if self._ended.is_set():
                    return
                self._reader = reader
            for stored in reader.follow(last=0):
                if not reader.is_own(stored.entry):
                    self._take(stored)

    def _take(self, stored: StoredEntry) -> None:
        """Keep `stored` for the next output. If too many entries are kept, count the oldest as passed over, and drop it."""
        with self._lock:
            if len(self._arrived) == SHOWN_AT_ONCE_MAX:
                self._passed_over += 1
            self._arrived.append(stored)  # a full deque drops its oldest entry
        self._has_news.set()

    def _show(self) -> None:
        """Print the entries that have arrived, at most once in `OUTPUT_PAUSE_SECONDS`, until the block ends."""
        while not self._ended.is_set():
            self._has_news.wait()
            self._has_news.clear()
            with self._lock:
                arrived, passed_over = list(self._arrived), self._passed_over
                self._arrived.clear()
                self._passed_over = 0
            text = f"{Notice('write_others_passed_over', entries=passed_over)}\n" if passed_over else ""
            text += "".join(self._lines(stored) for stored in arrived)
            if text and not self._ended.is_set():
                print(text, end="", flush=True)
            self._ended.wait(OUTPUT_PAUSE_SECONDS)

    def _lines(self, stored: StoredEntry) -> str:
        """An entry as lines for the terminal, at most `ENTRY_LINES_MAX`. If lines are left out, the last one is `…`."""
        lines = self._live.lines(stored.number, stored.entry).splitlines(keepends=True)
        return "".join(lines) if len(lines) <= ENTRY_LINES_MAX else "".join(lines[: ENTRY_LINES_MAX - 1]) + "…\n"
