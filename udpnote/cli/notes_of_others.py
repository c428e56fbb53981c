"""Shows at the prompt of `udpnote write` the entries that other people store while the prompt is open."""

import threading
from collections import deque
from contextlib import suppress
from types import TracebackType

from udpnote.cli.client_options import ClientOptions
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.client.client import Client
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.entry import StoredEntry

PAUSE_SECONDS = 1.0
"""The least time between two outputs of others' entries, so that many entries at once leave the prompt usable."""

SHOWN_AT_ONCE_MAX = 5
"""The most entries in one output. If more have arrived, the output has the latest ones, and says how many others there are."""

LINES_MAX = 4
"""The most lines of an entry that are shown. `udpnote show` shows the others."""

LOOK_SECONDS = 0.5
"""The time between two checks whether the client's notebook is known now. A check costs little."""

RETRY_SECONDS = 3.0
"""How long after an error, such as a silent server, the next attempt to follow the notebook begins."""


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
            self._passed_over += len(self._arrived) == SHOWN_AT_ONCE_MAX
            self._arrived.append(stored)  # a full deque drops its oldest entry
        self._has_news.set()

    def _show(self) -> None:
        """Print the entries that have arrived, at most once in `PAUSE_SECONDS`, until the block ends."""
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
            self._ended.wait(PAUSE_SECONDS)

    def _lines(self, stored: StoredEntry) -> str:
        """An entry as lines for the terminal, at most `LINES_MAX`. If lines are left out, the last one is `…`."""
        lines = self._live.lines(stored.number, stored.entry).splitlines(keepends=True)
        return "".join(lines) if len(lines) <= LINES_MAX else "".join(lines[: LINES_MAX - 1]) + "…\n"
